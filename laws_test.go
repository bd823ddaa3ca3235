package troupe

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/protocol/packet"
)

// laws are what stands between a world's users and what they want: rules that
// change, hooks that refuse and change, and a rate that holds reading back. The
// witness may do everything.
//
// What a user may do is asked while its packet is on its way, and rules change
// meanwhile. So the model knows what was the rule at each step: a packet between
// whose sending and answer the rule was always the same has to be judged by it,
// and of all others the answer counts, if there is one.
type laws struct {
	rng     *rand.Rand
	ruled   bool // there are rules
	hooked  bool // and hooks
	rated   bool // and a rate
	rules   map[right][]rule
	hearing int // Clients that the program was told are connected
}

// right is what a user may do: publish to a topic, or hold a subscription, then
// what is "subscribe " and the Topic Filter.
type right struct{ user, what string }

// rule is what holds from a step on.
type rule struct {
	step   int
	denied bool
}

func newLaws(seed uint64) *laws {
	l := &laws{rng: rand.New(rand.NewPCG(seed, 2)), rules: make(map[right][]rule)}
	if seed%3 == 0 {
		return l
	}
	l.ruled, l.hooked, l.rated = l.rng.IntN(2) == 0, l.rng.IntN(2) == 0, l.rng.IntN(2) == 0
	return l
}

// denies tells whether somebody may not do something now.
func (l *laws) denies(r right) bool {
	rules := l.rules[r]
	return len(rules) > 0 && rules[len(rules)-1].denied
}

// between tells whether something was allowed, and denied, at some step of a span.
func (l *laws) between(r right, from, to int) (allowed, denied bool) {
	rules := l.rules[r]
	before := false // the rule when the span begins
	for _, rule := range rules {
		switch {
		case rule.step <= from:
			before = rule.denied
		case rule.step <= to:
			allowed, denied = allowed || !rule.denied, denied || rule.denied
		}
	}
	return allowed || !before, denied || before
}

// Permissions implements auth.Authorizer.
func (l *laws) Permissions(_ context.Context, c auth.Client) (auth.Permissions, error) {
	if c.ID == "witness" || c.ID == "auditor" {
		return nil, nil
	}
	return rights{l, c.ID}, nil
}

// rights are those of one user.
type rights struct {
	*laws
	user string
}

// MayPublish implements auth.Permissions.
func (r rights) MayPublish(topic []byte, _ packet.QoS, _ bool) bool {
	return !r.denies(right{r.user, string(topic)})
}

// MaySubscribe implements auth.Permissions.
func (r rights) MaySubscribe(filter string, _ packet.QoS) bool {
	return !r.denies(right{r.user, "subscribe " + filter})
}

// What the hooks do to a message is in its number, so that the model knows it too.
const (
	refusedOf = 11
	changedOf = 7
	addition  = "changed"
)

// refuses leaves alone what has no number, as the removal of a Retained Message.
func (l *laws) refuses(s *sending) bool { return l.hooked && s.id%refusedOf == 3 && !s.empty }

// text is the payload with which a message arrives.
func (l *laws) text(s *sending) string {
	if l.hooked && s.id%changedOf == 2 && !s.empty {
		return s.payload + addition
	}
	return s.payload
}

// granted is the QoS with which the hook grants a Topic Filter; false: it is refused.
func (l *laws) granted(user string, f *filter) (packet.QoS, bool) {
	if !l.hooked || user == "witness" || user == "auditor" {
		return f.asks, true
	}
	switch sum := len(f.name)*7 + int(user[len(user)-1]); {
	case sum%9 == 4:
		return 0, false
	case sum%4 == 1 && f.asks == packet.QoS2:
		return packet.QoS1, true
	}
	return f.asks, true
}

// hooks are what the program does.
func (w *world) hooks() Hooks {
	return Hooks{
		Publish: func(_ Client, m *Message) error {
			s := w.find(&packet.Publish{Payload: m.Payload})
			switch {
			case s == nil:
			case w.laws.refuses(s):
				return &Refusal{Code: packet.NotAuthorized}
			case w.laws.text(s) != s.payload:
				m.Payload = []byte(w.laws.text(s))
			}
			return nil
		},
		Subscribe: func(c Client, f *TopicFilter) error {
			qos, ok := w.laws.granted(c.ID, &filter{name: f.Name, asks: f.QoS})
			if !ok {
				return &Refusal{Code: packet.NotAuthorized}
			}
			f.QoS = qos
			return nil
		},
		Connected:    func(Client, bool) { w.laws.hearing++ },
		Disconnected: func(Client, Disconnection) { w.laws.hearing-- },
	}
}

// bounds is the rate that holds now.
func (l *laws) bounds(c *configs.Config) {
	if !l.rated {
		return
	}
	c.Limits.Rate.MessagesPerSecond = []int{0, 20, 100, 1000}[l.rng.IntN(4)]
	c.Limits.Rate.BytesPerSecond = configs.Size([]int{0, 2000, 10_000, 100_000}[l.rng.IntN(4)])
}

// legislate changes a rule or the rate now and then.
func (w *world) legislate() {
	l := w.laws
	if l.rated && l.rng.IntN(40) == 0 {
		l.bounds(&w.config)
		w.recorder.Printf("--- rate %+v", w.config.Limits.Rate)
		w.tree.setShares(&w.config)
	}
	if !l.ruled || l.rng.IntN(8) != 0 {
		return
	}
	u := w.users[l.rng.IntN(len(w.users))]
	r := right{u.name, []string{"t/1", "t/2", "u/1", "s/1", "s/2", "r/" + u.name[len(u.name)-1:]}[l.rng.IntN(6)]}
	if l.rng.IntN(2) == 0 {
		r.what = "subscribe " + u.filters[l.rng.IntN(len(u.filters))].name
	}
	now := w.tick()
	denied := !l.denies(r)
	w.happened.rules++
	w.recorder.Printf("--- %s may %s: %v", u.name, r.what, !denied)
	l.rules[r] = append(l.rules[r], rule{now, denied})
	name, subscription := strings.CutPrefix(r.what, "subscribe ")
	if denied && subscription {
		for _, s := range u.subscriptions {
			if s.name == name {
				s.until = min(s.until, now)
			}
		}
	}
	w.tree.judge()
	if l.rng.IntN(2) == 0 {
		return
	}
	w.scheduler.Settle()
	if denied && subscription && u.phase == online && u.attempt.peer.Closed() == 0 && !w.failing {
		u.judgedOff(name)
	}
}

// judgedOff notes that no subscription to a filter is left of those that are
// confirmed: a SUBSCRIBE may wait for its turn still, and be judged by later rules.
func (u *user) judgedOff(name string) {
	now := u.tick()
	for _, s := range u.subscriptions {
		if s.name == name && s.sure != never && s.gone > now {
			s.gone, s.judged = now, true
		}
	}
}

// span is from when to when a message of a user was judged.
func (w *world) span(s *sending) (from, to int) {
	if s.acked != 0 {
		return s.sent, s.acked
	}
	return s.sent, w.step
}

// refused tells whether a message must not have reached anybody by now.
func (w *world) refused(s *sending) bool {
	if w.laws.refuses(s) {
		return true
	}
	if s.attempt == nil {
		return false // a Will
	}
	from, to := w.span(s)
	allowed, _ := w.laws.between(right{s.from.name, s.topic}, from, to)
	return !allowed
}

// taken tells whether a message was let through for certain.
func (w *world) taken(s *sending) bool {
	if w.laws.refuses(s) || s.code.IsError() {
		return false
	}
	if s.acked != 0 && s.qos > packet.QoS0 && s.from.v5() {
		return true // it was told
	}
	from, to := w.span(s)
	_, denied := w.laws.between(right{s.from.name, s.topic}, from, to)
	return !denied
}

// judgeAnswer holds the answer to a message to the rules and the hooks. Before
// MQTT 5 there is no answer that refuses.
func (w *world) judgeAnswer(s *sending, code packet.ReasonCode, now int) {
	allowed, denied := w.laws.between(right{s.from.name, s.topic}, s.sent, now)
	allowed, denied = allowed && !w.laws.refuses(s), denied || w.laws.refuses(s)
	if code.IsError() {
		w.happened.refusals++
	}
	switch {
	case !code.IsError() && (allowed || !s.from.v5()):
	case code == packet.NotAuthorized && denied && s.from.v5():
	default:
		w.fail("%s: m%d was answered with %v; it was allowed: %v, denied: %v", s.from.name, s.id, code, allowed, denied)
	}
}

// judgeSuback tells whether a subscription was made, and holds the answer to the
// rules and the hooks.
func (u *user) judgeSuback(s *subscription, code packet.ReasonCode, now int) bool {
	allowed, denied := u.laws.between(right{u.name, "subscribe " + s.name}, s.from, now)
	granted, ok := u.laws.granted(u.name, s.filter)
	switch {
	case code == packet.ReasonCode(granted) && allowed && ok:
		return true
	case code.IsError() && (denied || !ok):
		u.happened.refusals++
		return false
	}
	u.fail("%s: SUBACK for %s says %v; it was allowed: %v, denied: %v, granted with %d: %v", u.name, s.name, code, allowed, denied, granted, ok)
	return false
}

// waits tells whether somebody waits for the rate.
func (w *world) waits() bool { return w.tree.rate.Figures(w.scheduler.Now()).Waiting > 0 }

// patient lets time go by until nobody waits for the rate, nor to be let in.
func (w *world) patient() {
	for range 100_000 {
		w.scheduler.Settle()
		if !w.waits() && !(w.laws.ruled && w.scheduler.Reading()) {
			return
		}
		w.happened.turns++
		w.scheduler.Elapse(5)
	}
	w.fail("somebody waits for the rate for ever: %s", fmt.Sprintf("%+v", w.tree.rate.Figures(w.scheduler.Now())))
}
