package admin

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/control"
)

// fleet is some instances that run nothing, and remembers what it was told.
type fleet struct {
	mu  sync.Mutex
	all []control.Instance
	did []string
	err error // of all orders
}

func (f *fleet) List(context.Context) ([]control.Instance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]control.Instance(nil), f.all...), nil
}

func (f *fleet) note(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.did = append(f.did, fmt.Sprintf(format, args...))
	return f.err
}

func (f *fleet) Start(_ context.Context, name string) error  { return f.note("start %s", name) }
func (f *fleet) Stop(_ context.Context, name string) error   { return f.note("stop %s", name) }
func (f *fleet) Remove(_ context.Context, name string) error { return f.note("remove %s", name) }
func (f *fleet) Reload(_ context.Context, name string) ([]string, error) {
	return []string{"listeners"}, f.note("reload %s", name)
}
func (f *fleet) Add(context.Context, string) ([]string, error) { return nil, nil }

// told is what it was told since it was asked last.
func (f *fleet) told() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	did := f.did
	f.did = nil
	return did
}

// process makes the APIs of instances with these bridges each, and returns that of the first.
func process(t testing.TB, f *fleet, bridges map[string][]control.Bridge) *control.API {
	apis := make(map[string]*control.API)
	for _, i := range f.all {
		apis[i.Name] = control.NewAPI(control.Handlers{
			Name: i.Name, Instances: f, Page: Page{},
			Bridges: func(context.Context) ([]control.Bridge, error) { return bridges[i.Name], nil },
			Order: func(_ context.Context, o control.Order) error {
				return f.note("%s %s of %s to %q", o.Action, o.Bridge, i.Name, o.To)
			},
			Storage: func(context.Context) (control.Storage, error) {
				return control.Storage{
					Instance: i.Name, Durability: "disk", DataDir: i.DataDir, Counts: &control.Counts{Sessions: 4321},
					Usage: control.Usage{Disk: 512 << 20, Free: 33 << 30, Parts: []control.Part{{Name: "retained", Keys: 12, Bytes: 1 << 20}, {Name: "sessions", Keys: 3456, Bytes: 3 << 20}}},
				}, nil
			},
			Other: func(name string) (*control.API, error) {
				if a := apis[name]; a != nil {
					return a, nil
				}
				return nil, control.ErrNoInstance
			},
		})
		t.Cleanup(apis[i.Name].Close)
	}
	return apis[f.all[0].Name]
}

// open is what a browser gets.
func open(t testing.TB, h http.Handler, target string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Header.Set("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// text is what is to be read of a page.
func text(w *httptest.ResponseRecorder) string {
	s := regexp.MustCompile(`</?(wbr|code|a|span)\b[^>]*>`).ReplaceAllString(w.Body.String(), "")
	s = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(s, " ")
	return strings.Join(strings.Fields(s), " ")
}

// running is an instance with a bit of everything.
func running(name string) control.Instance {
	often := int64(31)
	return control.Instance{
		Name: name, State: control.InstanceRunning, Since: time.Now().Add(-3*time.Hour - 12*time.Minute - 5*time.Second), DataDir: "/var/lib/" + name, ConfigFile: "/etc/all.yaml",
		Connections: 1234, Listeners: []control.InstanceListener{{Name: "tls", Transport: "tls", Address: "[::]:8883"}},
		Shares: []control.InstanceShare{
			{Name: "limits.max_connections", Unit: "connections", Used: 1234, Limit: 10000},
			{Name: "session.total.max_bytes", Unit: "bytes", Used: 24.1 * (1 << 20), Limit: 256 << 20, Reached: &often},
			{Name: "limits.rate.bytes_per_second", Unit: "bytes/s", Used: 2048},
		},
	}
}

func uplink() control.Bridge {
	since := time.Now().Add(-50 * time.Hour)
	return control.Bridge{
		Name: "uplink", State: "connected", Upstream: "mqtts://node1:8883", Since: &since, Inflight: 3, Switches: 2, Retries: 5,
		Upstreams: []control.Upstream{{Name: "mqtts://node1:8883", State: "carrying"}, {Name: "mqtts://node2:8883", State: "healthy"}},
		Dropped:   map[string]int64{"full": 0, "too_large": 4000},
	}
}

func TestPage(t *testing.T) {
	f := &fleet{all: []control.Instance{running("edge"), {Name: "plant", State: control.InstanceStopped, Since: time.Now().Add(-90*time.Minute - 5*time.Second), Listeners: []control.InstanceListener{{Name: "tcp", Transport: "tcp"}}}}}
	w := open(t, process(t, f, map[string][]control.Bridge{"edge": {uplink()}}), "/")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
	page := text(w)
	for _, want := range []string{
		"Nothing is wrong", "1 ● running 1 ■ stopped", "2 instances",
		"edge ● running 3 h 12 min 1,234 12 % 12 % limits.max_connections 1 of 1 tls [::]:8883", // the row
		"Up for 3 h 12 min, since ", "Data directory /var/lib/edge What uses the space", "Configuration /etc/all.yaml", "tls tls [::]:8883",
		"limits.max_connections 1,234 of 10,000 connections 12 %", "session.total.max_bytes 24.1 MiB of 256.0 MiB 9 % 9 % 31 ×", "limits.rate.bytes_per_second 2.0 KiB/s no limit",
		"Bridge uplink ● connected", "Upstream mqtts://node1:8883, connected for 2 d 2 h", "Waiting nothing", "In flight 3", "Dropped 4,000 too large", "Switches 2; 5 attempts",
		"mqtts://node1:8883 ● carrying in use", "mqtts://node2:8883 ● healthy", "plant ■ stopped", "For 1 h 30 min", "tcp tcp closed",
	} {
		require.Contains(t, page, want)
	}
	require.Contains(t, page, "Answered by edge")
}

// What is wrong is said first, the worst before the rest.
func TestTroubles(t *testing.T) {
	retry, failed := time.Now().Add(7*time.Hour+30*time.Minute+30*time.Second), time.Now().Add(-12*time.Minute)
	full := running("full")
	full.Shares[0].Used, full.Trouble = 9871, "nothing can be written; the log says why"
	down, drained, ended, slow := uplink(), uplink(), uplink(), uplink()
	down.Name, down.State, down.Error, down.ErrorAt, down.Queued, down.QueuedBytes, down.QueuedAge, down.Spooled, down.Strained = "down", "connecting", "node1: connection refused", &failed, 12345, 25<<20, 734, 12000, true
	down.Upstreams[0].State, down.Upstreams[0].Failures, down.Upstreams[0].Error = "connecting", 28, "connection refused"
	drained.Name, drained.State = "drained", "draining"
	ended.Name, ended.State = "ended", "ended"
	slow.Name, slow.Strained, slow.Queued, slow.QueuedBytes, slow.QueuedAge = "slow", true, 1, 100, 2
	slow.Upstreams[1].State, slow.Upstreams[1].Error = "waiting", "no route to host"
	f := &fleet{all: []control.Instance{
		running("fine"), full,
		{Name: "lost", State: control.InstanceFailed, Since: time.Now().Add(-time.Hour), Error: "port 1883 is taken"},
		{Name: "later", State: control.InstanceWaiting, RetryAt: &retry, Error: "the disk is broken"},
	}}
	w := open(t, process(t, f, map[string][]control.Bridge{"fine": {down, drained, ended, slow}}), "/")
	list := regexp.MustCompile(`<li class="note (bad|warn)">.*</li>`).FindAllString(w.Body.String(), -1)
	for i, item := range list {
		list[i] = strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(item, "")), " ")
	}
	require.Equal(t, []string{
		"✖ fine › down is not connected; what waits: 12,345 messages, 25.0 MiB, 12,000 on disk alone, the oldest for 12 min, and who publishes to it is slowed down. node1: connection refused",
		"✖ fine › ended has ended; the log says why; nothing waits",
		"✖ full storage: nothing can be written; the log says why",
		"✖ later failed, and is started again in 7 h 30 min: the disk is broken",
		"✖ lost failed 1 h 0 min ago, and is not started again: port 1883 is taken",
		"▲ fine › drained is draining, as somebody ordered; nothing waits",
		"▲ fine › slow is far behind; what waits: 1 message, 100 B, the oldest for 2 s, and who publishes to it is slowed down",
		"▲ fine › slow upstream mqtts://node2:8883 cannot take over: no route to host",
		"▲ full limits.max_connections: 9,871 of 10,000 connections (98 %)",
	}, list)
	require.Contains(t, w.Body.String(), "<title>9 troubles · TroupeMQ</title>")
}

// With many instances each has a row, and a page of its own.
func TestManyInstances(t *testing.T) {
	f := &fleet{}
	bridges := make(map[string][]control.Bridge)
	for n := range 50 {
		name := fmt.Sprintf("plant-%02d", n)
		f.all = append(f.all, running(name))
		bridges[name] = []control.Bridge{uplink()}
	}
	a := process(t, f, bridges)
	w := open(t, a, "/")
	require.Equal(t, 50, strings.Count(w.Body.String(), `<tr id="row-plant-`))
	require.NotContains(t, w.Body.String(), "<article")
	require.Less(t, w.Body.Len(), 60_000, "it is sent every few seconds")
	require.Contains(t, w.Body.String(), `<a href="?instance=plant-49">plant-49</a>`)

	w = open(t, a, "/?instance=plant-49")
	require.Equal(t, 1, strings.Count(w.Body.String(), "<article"))
	require.Contains(t, text(w), "Bridge uplink ● connected")
	require.Contains(t, w.Body.String(), "v1/bridges/uplink/pause?instance=plant-49")
	w = open(t, a, "/?instance=plant-50")
	require.Equal(t, http.StatusNotFound, w.Code)
	require.Contains(t, text(w), "There is no instance &#34;plant-50&#34;.")
}

func TestStorage(t *testing.T) {
	f := &fleet{all: []control.Instance{running("edge"), running("plant")}}
	a := process(t, f, nil)
	require.Contains(t, open(t, a, "/").Body.String(), `<a href="?storage=plant">`)
	w := open(t, a, "/?storage=plant")
	page := text(w)
	for _, want := range []string{"Storage of plant", "/var/lib/plant", "512.0 MiB, 33.0 GiB left on the device", "Sessions 4,321", "sessions 3,456 3.0 MiB 75 % 75 % retained 12 1.0 MiB 25 %"} {
		require.Contains(t, page, want)
	}
	require.NotContains(t, w.Body.String(), "data-refreshes", "all that is kept is read for it")
	w = open(t, a, "/?storage=office")
	require.Equal(t, http.StatusNotFound, w.Code)
	require.Contains(t, text(w), "there is no instance &#34;office&#34;; there are: edge, plant")
}

// Where the host's Instances tell nothing of the inside of others, the page says so.
func TestInsideThatIsNotKnown(t *testing.T) {
	f := &fleet{all: []control.Instance{running("edge"), running("plant")}}
	a := control.NewAPI(control.Handlers{Name: "edge", Instances: f, Page: Page{}, Bridges: func(context.Context) ([]control.Bridge, error) { return []control.Bridge{uplink()}, nil }})
	t.Cleanup(a.Close)
	page := text(open(t, a, "/"))
	require.Contains(t, page, "Bridge uplink ● connected")
	require.Contains(t, page, "Bridges and storage are not known: nothing is known of the inside of instance &#34;plant&#34; here")
	nothing := control.NewAPI(control.Handlers{Page: Page{}})
	t.Cleanup(nothing.Close)
	w := open(t, nothing, "/")
	require.Equal(t, http.StatusNotFound, w.Code)
	require.Contains(t, text(w), "nothing is known of instances here")
}

// Whatever something is called or says, it is text.
func TestEscapes(t *testing.T) {
	const evil = `<script>alert(1)</script>"'&`
	i := running(evil)
	i.Error, i.Trouble, i.DataDir, i.ConfigFile = evil, evil, evil, evil
	i.Listeners = []control.InstanceListener{{Name: evil, Transport: evil, Address: evil}}
	i.Shares[0].Name, i.Shares[0].Unit = evil, evil
	b := uplink()
	b.Name, b.State, b.Upstream, b.Error, b.Dropped = evil, evil, evil, evil, map[string]int64{evil: 1}
	b.Upstreams = append(b.Upstreams, control.Upstream{Name: evil, State: evil, Error: evil})
	other := running("javascript:alert(1)")
	f := &fleet{all: []control.Instance{i, other}}
	a := process(t, f, map[string][]control.Bridge{evil: {b}, other.Name: {b}})
	for _, target := range []string{"/", "/?storage=%3Cscript%3Ealert(1)%3C/script%3E%22'%26", "/?instance=%3Cscript%3Ealert(1)", "/?storage=%3Cscript%3Ealert(1)"} {
		w := open(t, a, target)
		page := w.Body.String()
		require.Equal(t, 1, strings.Count(page, "<script"), target)
		require.Contains(t, page, `&lt;script&gt;alert(1)`, target)
		for _, link := range regexp.MustCompile(`(?:href|action|src)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
			require.Regexp(t, `^(v1/|\?instance=|\?storage=|page/|\./|openapi\.json)[^<>'\s]*$`, link[1])
		}
	}
	w := httptest.NewRecorder()
	Page{}.Unavailable(w, httptest.NewRequest(http.MethodGet, "/", nil), evil)
	require.Equal(t, 1, strings.Count(w.Body.String(), "<script"))
}

func TestUnavailable(t *testing.T) {
	f := &fleet{all: []control.Instance{running("edge")}}
	a := process(t, f, nil)
	a.Close()
	for _, h := range []http.Handler{a, control.Unavailable(Page{}, "the instance is shutting down, or has ended")} {
		w := open(t, h, "/")
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.Contains(t, text(w), "Not available ✖ the instance is shutting down, or has ended")
		require.Contains(t, w.Body.String(), "data-refreshes", "it comes back by itself")
		require.Equal(t, http.StatusOK, open(t, h, "/page/page.css").Code)
	}
}

// A browser is given the files of the page and no others, and loads nothing else.
func TestFiles(t *testing.T) {
	a := process(t, &fleet{all: []control.Instance{running("edge")}}, nil)
	for name, kind := range map[string]string{"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml"} {
		w := open(t, a, "/page/"+name)
		require.Equal(t, http.StatusOK, w.Code, name)
		require.Equal(t, kind, w.Header().Get("Content-Type"))
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
	}
	for _, name := range []string{"", "page.html", "none.css", "%2e%2e/admin.go", "..%2fadmin.go"} {
		require.Equal(t, http.StatusNotFound, open(t, a, "/page/"+name).Code, name)
	}
	all, err := os.ReadDir("files")
	require.NoError(t, err)
	require.NotEmpty(t, all)
	for _, file := range all {
		text, err := os.ReadFile("files/" + file.Name())
		require.NoError(t, err)
		found := regexp.MustCompile(`(?i)(https?:)?//[a-z0-9.]+\.[a-z]{2,}[^"]*|style=|onclick=|innerHTML|@import|url\(`).FindString(string(text))
		require.True(t, found == "" || found == "http://www.w3.org/2000/svg", "%s has %s, which the policy forbids", file.Name(), found)
	}
}

// Below a path all links lead to what is there.
func TestBelowAPath(t *testing.T) {
	f := &fleet{all: []control.Instance{running("edge"), running("plant")}}
	mux := http.NewServeMux()
	mux.Handle("/ops/broker/", http.StripPrefix("/ops/broker", process(t, f, map[string][]control.Bridge{"plant": {uplink()}})))
	host := httptest.NewServer(mux)
	defer host.Close()
	get := func(path string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, host.URL+path, nil)
		require.NoError(t, err)
		r.Header.Set("Accept", "text/html")
		answer, err := host.Client().Do(r)
		require.NoError(t, err)
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return answer.StatusCode, string(text)
	}
	code, page := get("/ops/broker/")
	require.Equal(t, http.StatusOK, code)
	links := regexp.MustCompile(`(?:href|src)="([^"]*)"`).FindAllStringSubmatch(page, -1)
	require.NotEmpty(t, links)
	for _, link := range links {
		code, _ := get("/ops/broker/" + strings.TrimPrefix(link[1], "./"))
		require.Equal(t, http.StatusOK, code, link[1])
	}
}

func BenchmarkPageOf50(b *testing.B) {
	f := &fleet{}
	bridges := make(map[string][]control.Bridge)
	for n := range 50 {
		name := fmt.Sprintf("plant-%02d", n)
		f.all = append(f.all, running(name))
		bridges[name] = []control.Bridge{uplink()}
	}
	a := process(b, f, bridges)
	for b.Loop() {
		open(b, a, "/")
	}
}
