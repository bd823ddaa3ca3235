package troupe

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupemq/troupe/internal/control"
	"github.com/troupemq/troupe/persistence/backup"
	"github.com/troupemq/troupe/persistence/memory"
)

// asked is what a handler says.
func asked(t testing.TB, h http.Handler, method, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(within(t), method, target, strings.NewReader(body))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func answered[T any](t testing.TB, h http.Handler, target string) (v T) {
	t.Helper()
	w := asked(t, h, http.MethodGet, target, "")
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v))
	return v
}

func TestAdminHandler(t *testing.T) {
	b := start(t, WithName("edge"), WithDataDir(t.TempDir()))
	h := b.AdminHandler()
	all := answered[[]Instance](t, h, "/v1/instances")
	require.Len(t, all, 1)
	require.Equal(t, "edge", all[0].Name)
	require.Equal(t, InstanceRunning, all[0].State)
	require.Equal(t, []InstanceListener{{Name: "tcp", Transport: "tcp", Address: b.Addr("tcp").String()}}, all[0].Listeners)
	require.Equal(t, b.Config().DataDir, all[0].DataDir)
	connect(t, b, "one")
	require.EqualValues(t, 1, answered[Instance](t, h, "/v1/instances/edge").Connections)

	require.Equal(t, "edge", answered[control.Storage](t, h, "/v1/storage").Instance)
	require.Empty(t, answered[[]control.Bridge](t, h, "/v1/bridges"))
	w := asked(t, h, http.MethodGet, "/v1/backup", "")
	require.Equal(t, http.StatusOK, w.Code)
	_, err := backup.Check(w.Body)
	require.NoError(t, err)

	// And in the server of a host, below a path.
	mux := http.NewServeMux()
	mux.Handle("/broker/", http.StripPrefix("/broker", h))
	host := httptest.NewServer(mux)
	defer host.Close()
	answer, err := host.Client().Get(host.URL + "/broker/v1/instances/edge")
	require.NoError(t, err)
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Contains(t, string(text), `"state":"running"`)
	w = asked(t, mux, http.MethodGet, "/broker/openapi.json", "")
	require.Contains(t, w.Body.String(), `"servers":[{"url":"/broker"}]`)
}

// opened is what a browser gets.
func opened(t testing.TB, h http.Handler, target string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(within(t), http.MethodGet, target, nil)
	r.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// A browser is shown a page, in the server of a host too.
func TestAdminPage(t *testing.T) {
	b, err := New(WithAddress("127.0.0.1:0"), WithName("edge"), WithDataDir(t.TempDir()))
	require.NoError(t, err)
	h := http.StripPrefix("/broker", b.AdminHandler())
	refused := func(why string) {
		t.Helper()
		w := opened(t, h, "/broker/")
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
		require.Contains(t, w.Body.String(), why)
	}
	refused("the instance is not running: it was not started, or not yet")
	require.NoError(t, b.Start(within(t)))
	page := opened(t, h, "/broker/").Body.String()
	for _, want := range []string{"Nothing is wrong", b.Addr("tcp").String(), b.Config().DataDir, `action="v1/instances/edge/stop"`, "the process ends with it"} {
		require.Contains(t, page, want)
	}
	require.Contains(t, opened(t, h, "/broker/?storage=edge").Body.String(), "Storage of edge")
	require.Equal(t, http.StatusOK, opened(t, h, "/broker/page/page.js").Code)
	require.Equal(t, "broker/", opened(t, h, "/broker").Header().Get("Location"))

	foreign := httptest.NewRequestWithContext(within(t), http.MethodPost, "/broker/v1/instances/edge/stop", nil)
	foreign.Header.Set("Origin", "https://evil.example")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, foreign)
	require.Equal(t, http.StatusForbidden, w.Code)
	require.Equal(t, InstanceRunning, b.Status().State)

	require.NoError(t, b.Shutdown(within(t)))
	refused("the instance is shutting down, or has ended")
}

// The inside of others is known if somebody knows their Brokers.
func TestAdminHandlerOfSeveral(t *testing.T) {
	others := &known{brokers: make(map[string]*Broker)}
	edge := start(t, WithName("edge"), WithDataDir(t.TempDir()), WithInstances(others))
	plant := start(t, WithName("plant"), WithDataDir(t.TempDir()), WithInstances(others))
	others.brokers["edge"], others.brokers["plant"] = edge, plant
	h := edge.AdminHandler()
	require.Equal(t, "plant", answered[control.Storage](t, h, "/v1/storage?instance=plant").Instance)
	require.Empty(t, answered[[]control.Bridge](t, h, "/v1/bridges?instance=plant"))
	w := asked(t, h, http.MethodPost, "/v1/bridges/up/pause?instance=plant", "")
	require.Equal(t, http.StatusNotFound, w.Code)
	require.Contains(t, w.Body.String(), `there is no such bridge as \"up\": there are none`)
	require.Equal(t, http.StatusNotFound, asked(t, h, http.MethodGet, "/v1/bridges?instance=office", "").Code)
	require.NoError(t, plant.Shutdown(within(t)))
	require.Equal(t, http.StatusServiceUnavailable, asked(t, h, http.MethodGet, "/v1/bridges?instance=plant", "").Code)

	var b *Broker
	b = start(t, WithName("edge"), WithInstances(pair{own: func() Instance { return b.Status() }}))
	w = asked(t, b.AdminHandler(), http.MethodGet, "/v1/bridges?instance=plant", "")
	require.Equal(t, http.StatusNotFound, w.Code)
	require.Contains(t, w.Body.String(), "instance edge tells of its own bridges and storage alone; ask instance plant itself")
}

// known are Instances that know their Brokers.
type known struct {
	Instances
	brokers map[string]*Broker
}

func (k *known) List(context.Context) (all []Instance, err error) {
	for _, b := range k.brokers {
		all = append(all, b.Status())
	}
	return all, nil
}

func (k *known) Broker(name string) (*Broker, error) {
	if b := k.brokers[name]; b != nil {
		return b, nil
	}
	return nil, ErrNoInstance
}

// Without anything on disk there is still something to ask.
func TestAdminHandlerWithoutADataDirectory(t *testing.T) {
	h := start(t).AdminHandler()
	require.Empty(t, answered[[]Instance](t, h, "/v1/instances")[0].DataDir)
	for _, target := range []string{"/v1/storage", "/v1/backup"} {
		w := asked(t, h, http.MethodGet, target, "")
		require.Equal(t, http.StatusNotFound, w.Code)
		require.Contains(t, w.Body.String(), "the instance has no data directory and keeps nothing")
	}
}

// A store of the program's own is backed up like any.
func TestAdminHandlerOverAStore(t *testing.T) {
	store := memory.New()
	h := start(t, WithStore(store)).AdminHandler()
	require.Empty(t, answered[control.Storage](t, h, "/v1/storage").DataDir)
	_, err := backup.Check(bytes.NewReader(asked(t, h, http.MethodGet, "/v1/backup", "").Body.Bytes()))
	require.NoError(t, err)
}

func TestAdminHandlerOfABrokerThatDoesNotRun(t *testing.T) {
	before := goleak.IgnoreCurrent()
	b, err := New(WithAddress("127.0.0.1:0"), WithDataDir(""))
	require.NoError(t, err)
	h := b.AdminHandler()
	refused := func() {
		t.Helper()
		for _, target := range []string{"/v1/instances", "/v1/backup", "/openapi.json", "/none"} {
			w := asked(t, h, http.MethodGet, target, "")
			require.Equal(t, http.StatusServiceUnavailable, w.Code, target)
			require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
		}
		require.Equal(t, InstanceStopped, b.Status().State)
	}
	refused()
	require.NoError(t, b.Start(within(t)))
	require.Equal(t, http.StatusOK, asked(t, h, http.MethodGet, "/v1/instances", "").Code)
	require.NoError(t, b.Shutdown(within(t)))
	refused()
	goleak.VerifyNone(t, before)
}

// One that nobody looks after can be stopped, and says of the rest whom to ask.
func TestInstanceAlone(t *testing.T) {
	b := start(t, WithName("edge"))
	h := b.AdminHandler()
	for target, want := range map[string]string{
		"/v1/instances/edge/start":  `instance \"edge\" runs already`,
		"/v1/instances/edge/reload": `can be reloaded by the program that runs it alone`,
	} {
		w := asked(t, h, http.MethodPost, target, "")
		require.Equal(t, http.StatusConflict, w.Code)
		require.Contains(t, w.Body.String(), want)
	}
	w := asked(t, h, http.MethodPost, "/v1/instances", `{"config":"/etc/troupe.yaml"}`)
	require.Equal(t, http.StatusConflict, w.Code)
	require.Contains(t, w.Body.String(), `the program that runs instance \"edge\" looks after no others`)
	for _, action := range []string{"start", "stop", "reload"} {
		w := asked(t, h, http.MethodPost, "/v1/instances/plant/"+action, "")
		require.Equal(t, http.StatusNotFound, w.Code)
		require.Contains(t, w.Body.String(), `there is no instance \"plant\"; there are: edge`)
	}
	w = asked(t, h, http.MethodPost, "/v1/instances/edge/stop", "")
	require.Equal(t, http.StatusAccepted, w.Code)
	require.Contains(t, w.Body.String(), `"state":"stopping"`)
	select {
	case <-b.Done():
		require.NoError(t, b.Err())
	case <-within(t).Done():
		require.FailNow(t, "it does not stop")
	}
}

// pair is a process with this Broker and one that is stopped.
type pair struct {
	Instances
	own func() Instance
}

func (p pair) List(context.Context) ([]Instance, error) {
	return []Instance{p.own(), {Name: "plant", State: InstanceStopped}}, nil
}

func (p pair) Reload(_ context.Context, name string) ([]string, error) {
	if name != "edge" && name != "plant" {
		return nil, ErrNoInstance
	}
	return []string{"listeners of " + name}, nil
}

func TestAnswersForTheInstancesOfTheProcess(t *testing.T) {
	var b *Broker
	b = start(t, WithName("edge"), WithDataDir(t.TempDir()), WithInstances(pair{own: func() Instance { return b.Status() }}))
	h := b.AdminHandler()
	all := answered[[]Instance](t, h, "/v1/instances")
	require.Len(t, all, 2)
	require.Equal(t, "plant", all[1].Name)
	require.JSONEq(t, `{"restart":["listeners of plant"]}`, asked(t, h, http.MethodPost, "/v1/instances/plant/reload", "").Body.String())

	c, err := control.Connect(within(t), b.Config().DataDir)
	require.NoError(t, err)
	all, err = c.Instances(within(t))
	require.NoError(t, err)
	require.Len(t, all, 2)
	restart, err := c.Reload(within(t), "edge")
	require.NoError(t, err)
	require.Equal(t, []string{"listeners of edge"}, restart)
	_, err = c.Reload(within(t), "other")
	require.ErrorContains(t, err, `there is no instance "other"; there are: edge, plant`)
}

// A backup in the server of a host does not hold up the end.
func TestShutdownEndsABackupThatNobodyReads(t *testing.T) {
	b := start(t, WithDataDir(t.TempDir()))
	payload := strings.Repeat("x", 64<<10)
	for i := range 200 {
		require.NoError(t, b.Publish(within(t), Message{Topic: "state/" + string(rune('a'+i%26)) + string(rune('a'+i/26)), Payload: []byte(payload), QoS: AtLeastOnce, Retain: true}))
	}
	host := httptest.NewServer(b.AdminHandler())
	defer host.Close()
	answer, err := host.Client().Get(host.URL + "/v1/backup")
	require.NoError(t, err)
	defer answer.Body.Close()
	_, err = io.ReadFull(answer.Body, make([]byte, 1000))
	require.NoError(t, err)
	require.NoError(t, b.Shutdown(within(t)))
	_, err = backup.Check(answer.Body)
	require.Error(t, err)
}
