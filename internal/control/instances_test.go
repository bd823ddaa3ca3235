package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fleet is some Instances that run nothing.
type fleet struct {
	mu      sync.Mutex
	all     map[string]*Instance
	added   []string
	stopped func(name string) // called by Stop
}

func newFleet(names ...string) *fleet {
	f := &fleet{all: make(map[string]*Instance), stopped: func(string) {}}
	for _, name := range names {
		f.all[name] = &Instance{Name: name, State: InstanceRunning, Since: time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC), Connections: 2}
	}
	return f
}

func (f *fleet) List(context.Context) ([]Instance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []Instance
	for _, i := range f.all {
		all = append(all, *i)
	}
	return all, nil
}

func (f *fleet) become(name string, from, to InstanceState) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.all[name]
	if i == nil {
		return fmt.Errorf("%w: %s", ErrNoInstance, name)
	}
	if i.State != from {
		return fmt.Errorf("instance %q is %s", name, i.State)
	}
	i.State = to
	return nil
}

func (f *fleet) Start(_ context.Context, name string) error {
	return f.become(name, InstanceStopped, InstanceRunning)
}

func (f *fleet) Stop(_ context.Context, name string) error {
	err := f.become(name, InstanceRunning, InstanceStopped)
	f.stopped(name)
	return err
}

func (f *fleet) Reload(_ context.Context, name string) ([]string, error) {
	if name == "plain" {
		return nil, f.become(name, InstanceRunning, InstanceRunning)
	}
	return []string{"listeners", "limits.max_connections"}, f.become(name, InstanceRunning, InstanceRunning)
}

func (f *fleet) Remove(_ context.Context, name string) error {
	err := f.become(name, InstanceStopped, InstanceStopped)
	if err == nil {
		delete(f.all, name)
	}
	return err
}

func (f *fleet) Add(_ context.Context, file string) ([]string, error) {
	if strings.HasSuffix(file, "wrong.yaml") {
		return nil, errors.New(file + ":3: nmae: unknown key; did you mean name?")
	}
	f.added = append(f.added, file)
	return []string{"new"}, nil
}

func TestInstances(t *testing.T) {
	dir := directory(t)
	serve(t, dir, Handlers{Name: "edge", Instances: newFleet("plant", "edge")})
	c := connect(t, dir)
	all, err := c.Instances(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, Instance{
		Name: "edge", State: InstanceRunning, Since: time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC), Connections: 2,
		Listeners: []InstanceListener{}, Shares: []InstanceShare{},
	}, all[0])
	require.Equal(t, "plant", all[1].Name)

	var one Instance
	require.NoError(t, c.ask(t.Context(), http.MethodGet, "/v1/instances/edge", nil, &one))
	require.Equal(t, all[0], one)
}

func TestInstancesAreToldWhatToDo(t *testing.T) {
	dir := directory(t)
	f := newFleet("edge", "plant")
	serve(t, dir, Handlers{Name: "edge", Instances: f})
	c := connect(t, dir)

	i, err := c.Stop(t.Context(), "plant")
	require.NoError(t, err)
	require.Equal(t, InstanceStopped, i.State)
	_, err = c.Stop(t.Context(), "plant")
	require.EqualError(t, err, "the instance at "+Socket(dir)+`: instance "plant" is stopped`)
	var p *Problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, http.StatusConflict, p.Status)
	require.NoError(t, c.Start(t.Context(), "plant"))
	require.ErrorContains(t, c.Start(t.Context(), "plant"), `instance "plant" is running`)

	restart, err := c.Reload(t.Context(), "plant")
	require.NoError(t, err)
	require.Equal(t, []string{"listeners", "limits.max_connections"}, restart)

	names, err := c.Add(t.Context(), "/etc/troupe/new.yaml")
	require.NoError(t, err)
	require.Equal(t, []string{"new"}, names)
	require.Equal(t, []string{"/etc/troupe/new.yaml"}, f.added)
	_, err = c.Add(t.Context(), "/etc/troupe/wrong.yaml")
	require.ErrorContains(t, err, "/etc/troupe/wrong.yaml:3: nmae: unknown key; did you mean name?")
	_, err = c.Add(t.Context(), "new.yaml")
	require.ErrorContains(t, err, `config: "new.yaml" is not an absolute path`)
	require.Len(t, f.added, 1)
}

func TestRemoveInstance(t *testing.T) {
	dir := directory(t)
	serve(t, dir, Handlers{Name: "edge", Instances: newFleet("plant", "edge")})
	c := connect(t, dir)
	_, err := c.Remove(t.Context(), "plant")
	require.ErrorContains(t, err, `instance "plant" is running`)
	var p *Problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, http.StatusConflict, p.Status)
	_, err = c.Stop(t.Context(), "plant")
	require.NoError(t, err)
	i, err := c.Remove(t.Context(), "plant")
	require.NoError(t, err)
	require.Equal(t, "plant", i.Name)
	require.Equal(t, InstanceStopped, i.State)
	_, err = c.Remove(t.Context(), "plant")
	require.ErrorAs(t, err, &p)
	require.Equal(t, Problem{Status: 404, Title: "Not Found", Detail: `there is no instance "plant"; there are: edge`}, *p)
}

func TestInstanceThatIsNotThere(t *testing.T) {
	dir := directory(t)
	serve(t, dir, Handlers{Name: "edge", Instances: newFleet("plant", "edge")})
	c := connect(t, dir)
	for _, ask := range []func() error{
		func() error { return c.Start(t.Context(), "egde") },
		func() error { _, err := c.Stop(t.Context(), "egde"); return err },
		func() error { _, err := c.Reload(t.Context(), "egde"); return err },
		func() error { return c.ask(t.Context(), http.MethodGet, "/v1/instances/egde", nil, nil) },
	} {
		var p *Problem
		require.ErrorAs(t, ask(), &p)
		require.Equal(t, Problem{Status: 404, Title: "Not Found", Detail: `there is no instance "egde"; there are: edge, plant`}, *p)
	}
	require.Equal(t, `there is no instance "x"; there are: none`, noInstance("x", nil).Error())
}

// The instance that answers says so before the socket goes.
func TestInstanceThatIsToldToStopAnswersFirst(t *testing.T) {
	dir := directory(t)
	f := newFleet("edge")
	s, err := Serve(dir, NewAPI(Handlers{Name: "edge", Instances: f}))
	require.NoError(t, err)
	gone := make(chan error, 1)
	f.stopped = func(string) { gone <- s.Close() }
	i, err := connect(t, dir).Stop(t.Context(), "edge")
	require.NoError(t, err)
	require.Equal(t, InstanceStopping, i.State)
	require.NoError(t, wait(t, gone, "it does not stop"))
	_, err = Connect(t.Context(), dir)
	require.ErrorIs(t, err, ErrNotRunning)
}

// What huma says of a request that is wrong is told in words too.
func TestRequestsThatAreWrong(t *testing.T) {
	dir := directory(t)
	serve(t, dir, Handlers{Instances: newFleet("edge")})
	c := connect(t, dir)
	err := c.ask(t.Context(), http.MethodPost, "/v1/instances", map[string]any{"config": 5}, nil)
	require.EqualError(t, err, "the instance at "+Socket(dir)+": validation failed: body.config: expected string")
	err = c.ask(t.Context(), http.MethodPost, "/v1/instances", map[string]any{"config": "/a", "start": true}, nil)
	require.EqualError(t, err, "the instance at "+Socket(dir)+": validation failed: body.start: unexpected property")
	err = c.ask(t.Context(), http.MethodPost, "/v1/instances", nil, nil)
	require.ErrorContains(t, err, "request body is required")
	err = c.ask(t.Context(), http.MethodPost, "/v1/instances", strings.Repeat("x", 70<<10), nil)
	require.ErrorContains(t, err, "request body is too large")
	require.EqualError(t, c.ask(t.Context(), http.MethodPost, "/v1/instances/edge/kill", nil, nil),
		"the instance at "+Socket(dir)+": there is no POST /v1/instances/edge/kill")
}

// A page of another site cannot use that its reader is let in by a cookie.
func TestOtherSitesAskNothing(t *testing.T) {
	f := newFleet("edge", "plant")
	a := NewAPI(Handlers{Name: "edge", Instances: f})
	t.Cleanup(a.Close)
	post := func(header, value string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "http://admin.example/v1/instances/plant/stop", nil)
		r.Header.Set(header, value)
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		return w
	}
	for header, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		w := post(header, value)
		require.Equal(t, http.StatusForbidden, w.Code)
		require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
		require.Contains(t, w.Body.String(), "a page of another site")
	}
	require.Equal(t, InstanceRunning, f.all["plant"].State)
	require.Equal(t, http.StatusOK, post("Sec-Fetch-Site", "same-origin").Code)
	require.Equal(t, InstanceStopped, f.all["plant"].State)
}
