package admin

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/troupemq/troupe/internal/control"
)

// few is how many instances are shown whole on one page.
const few = 5

// view is what the page shows.
type view struct {
	status    int
	Title     string
	At        time.Time
	Problem   string // why there is not more to see
	Refreshes bool   // the script asks again by itself

	Answers  string // the instance that answers
	Counts   []stateCount
	Troubles []trouble
	Rows     []*instance // all of them, if they are several
	Shown    []*instance // those that are shown whole
	One      bool        // one of several is shown
	Space    *space
}

// stateCount is how many are in one state.
type stateCount struct {
	State
	N int
}

// look asks an API for what the page of a query shows.
func look(ctx context.Context, a *control.API, query url.Values, now time.Time) *view {
	v := &view{status: http.StatusOK, Title: "TroupeMQ", At: now, Answers: a.Name()}
	if name := query.Get("storage"); name != "" {
		v.measure(ctx, a, name)
		return v
	}
	v.Refreshes = true
	all, err := a.Instances(ctx)
	if err != nil {
		v.fail(err)
		return v
	}
	running := 0
	for i := range all {
		if s := all[i].State; s != control.InstanceStopped && s != control.InstanceFailed {
			running++
		}
	}
	chosen := query.Get("instance")
	for i := range all {
		one := newInstance(ctx, a, &all[i], running, now)
		v.Troubles = append(v.Troubles, one.troubles()...)
		v.count(one.State)
		if len(all) > 1 && chosen == "" {
			v.Rows = append(v.Rows, one)
		}
		if chosen == one.Name || chosen == "" && len(all) <= few {
			v.Shown = append(v.Shown, one)
		}
	}
	slices.SortStableFunc(v.Troubles, func(a, b trouble) int { return int(b.Mark) - int(a.Mark) })
	if v.One = chosen != ""; v.One {
		v.Title = chosen + " · TroupeMQ"
		if len(v.Shown) == 0 {
			v.status, v.Problem = http.StatusNotFound, fmt.Sprintf("There is no instance %q.", chosen)
		}
	}
	if n := len(v.Troubles); n > 0 {
		v.Title = countOf(int64(n), "trouble", "troubles") + " · " + v.Title // a tab in the background shows it
	}
	return v
}

func (v *view) fail(err error) {
	v.Problem, v.status = err.Error(), http.StatusInternalServerError
	if p, ok := err.(*control.Problem); ok { //nolint:errorlint // the API returns it as it is
		v.status = p.Status
	}
}

func (v *view) count(s State) {
	for i := range v.Counts {
		if v.Counts[i].State == s {
			v.Counts[i].N++
			return
		}
	}
	v.Counts = append(v.Counts, stateCount{s, 1})
}

// instance is one with all that is shown of it.
type instance struct {
	*control.Instance
	State    State
	For      string // how long it has been so
	Since    moment
	Next     string // when it is started again
	ErrorAgo string
	Link     string
	Space    string // the page of its storage; empty: nothing is known of it
	Answers  bool
	Shares   []share
	Fullest  *share // of those that are bounded
	Bridges  []bridge
	Inside   string // why nothing is known of its bridges
	Orders   []order
}

func newInstance(ctx context.Context, a *control.API, i *control.Instance, running int, now time.Time) *instance {
	one := &instance{
		Instance: i, State: instanceState(i.State), For: spanText(now.Sub(i.Since)), Since: moment{i.Since},
		Link: "?instance=" + url.QueryEscape(i.Name), Answers: i.Name == a.Name(),
	}
	one.Orders = instanceOrders(i, one.Answers, running == 1)
	if i.RetryAt != nil {
		one.Next = spanText(i.RetryAt.Sub(now))
	}
	if i.ErrorAt != nil {
		one.ErrorAgo = spanText(now.Sub(*i.ErrorAt))
	}
	for _, s := range i.Shares {
		one.Shares = append(one.Shares, newShare(s))
	}
	for n := range one.Shares {
		if s := &one.Shares[n]; s.Limit > 0 && (one.Fullest == nil || s.part() > one.Fullest.part()) {
			one.Fullest = s
		}
	}
	if i.State != control.InstanceRunning {
		return one
	}
	bridges, err := a.Bridges(ctx, i.Name)
	if err != nil {
		one.Inside = err.Error()
		return one
	}
	if i.DataDir != "" {
		one.Space = "?storage=" + url.QueryEscape(i.Name)
	}
	for n := range bridges {
		one.Bridges = append(one.Bridges, newBridge(i.Name, &bridges[n], now))
	}
	return one
}

// Linked counts the bridges that carry.
func (i *instance) Linked() (n int) {
	for _, b := range i.Bridges {
		if b.State.Mark == good {
			n++
		}
	}
	return n
}

// Mark is that of the worst of it.
func (i *instance) Mark() mark {
	worst := i.State.Mark
	if i.Trouble != "" {
		worst = bad
	}
	for _, b := range i.Bridges {
		worst = max(worst, b.State.Mark)
	}
	for n := range i.Shares {
		worst = max(worst, i.Shares[n].Mark)
	}
	return worst
}

// share is what is used of one thing.
type share struct {
	control.InstanceShare
	Used, Most string
	Percent    int
	Mark       mark
	Reached    int64
}

func newShare(s control.InstanceShare) share {
	one := share{InstanceShare: s, Used: amountText(s.Used, s.Unit), Mark: good}
	if s.Reached != nil {
		one.Reached = *s.Reached
	}
	if s.Limit > 0 {
		one.Most, one.Percent = amountText(s.Limit, s.Unit), int(100*one.part())
		if one.part() >= full {
			one.Mark = warn
		}
	}
	return one
}

// full is the part of a share from which on somebody should know.
const full = 0.9

// Noun is what is counted, where the number does not say it.
func (s *share) Noun() string {
	if strings.HasPrefix(s.Unit, "bytes") {
		return ""
	}
	return " " + s.Unit
}

func (s *share) part() float64 { return s.InstanceShare.Used / s.Limit }

// bridge is one of an instance.
type bridge struct {
	*control.Bridge
	ID        string
	State     State
	For       string // how long it has been so
	ErrorAgo  string
	Age       string // of what has waited longest
	Lost      string // what was dropped, by reason
	Orders    []order
	Upstreams []bridgeUpstream
}

type bridgeUpstream struct {
	control.Upstream
	State  State
	InUse  bool
	Next   string // when it is tried again
	Orders []order
}

func newBridge(instance string, b *control.Bridge, now time.Time) bridge {
	one := bridge{Bridge: b, ID: instance + "/" + b.Name, State: bridgeState(b), Lost: lost(b.Dropped), Orders: bridgeOrders(instance, b)}
	if b.Since != nil {
		one.For = spanText(now.Sub(*b.Since))
	}
	if b.ErrorAt != nil {
		one.ErrorAgo = spanText(now.Sub(*b.ErrorAt))
	}
	if b.Queued > 0 {
		one.Age = spanText(time.Duration(b.QueuedAge * float64(time.Second)))
	}
	for _, u := range b.Upstreams {
		shown := bridgeUpstream{Upstream: u, State: upstreamState(u.State), Orders: upstreamOrders(instance, b, u.Name)}
		shown.InUse = u.State == "carrying"
		if u.RetryAt != nil && u.RetryAt.After(now) {
			shown.Next = spanText(u.RetryAt.Sub(now))
		}
		one.Upstreams = append(one.Upstreams, shown)
	}
	return one
}

// Waiting is what waits for the upstream.
func (b *bridge) Waiting() string {
	if b.Queued == 0 {
		return "nothing"
	}
	text := countOf(b.Queued, "message", "messages") + ", " + bytesText(b.QueuedBytes)
	if b.Spooled > 0 {
		text += ", " + countText(b.Spooled) + " on disk alone"
	}
	return text + ", the oldest for " + b.Age
}

// lost is what was dropped, by reason.
func lost(dropped map[string]int64) string {
	var texts []string
	for _, reason := range slices.Sorted(maps.Keys(dropped)) {
		if n := dropped[reason]; n > 0 {
			texts = append(texts, countText(n)+" "+strings.ReplaceAll(reason, "_", " "))
		}
	}
	return strings.Join(texts, ", ")
}
