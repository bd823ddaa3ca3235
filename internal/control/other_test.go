package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// process is the APIs of some instances that know each other.
func process(t *testing.T, names ...string) map[string]*API {
	all := make(map[string]*API)
	for _, name := range names {
		a := NewAPI(Handlers{
			Name: name, Instances: newFleet(append(names, "stopped")...), Storage: named(name).Storage,
			Bridges: func(context.Context) ([]Bridge, error) { return []Bridge{{Name: "of-" + name}}, nil },
			Order: func(ctx context.Context, o Order) error {
				if o.Action == "drain" {
					<-ctx.Done()
					return ctx.Err()
				}
				return fmt.Errorf("%s %s at %s to %q", o.Action, o.Bridge, name, o.To)
			},
			Other: func(name string) (*API, error) {
				switch {
				case all[name] != nil:
					return all[name], nil
				case name == "stopped":
					return nil, errors.New("instance stopped: it does not run, it is stopped")
				}
				return nil, fmt.Errorf("%w as %q", ErrNoInstance, name)
			},
		})
		t.Cleanup(a.Close)
		all[name] = a
	}
	return all
}

func told(h http.Handler, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

// Each instance answers for the inside of the others.
func TestOtherInstance(t *testing.T) {
	all := process(t, "edge", "plant")
	for target, want := range map[string]string{
		"/v1/bridges":                "of-edge",
		"/v1/bridges?instance=edge":  "of-edge",
		"/v1/bridges?instance=plant": "of-plant",
		"/v1/storage":                `"instance":"edge"`,
		"/v1/storage?instance=plant": `"instance":"plant"`,
	} {
		require.Contains(t, get(t, all["edge"], target).Body.String(), want, target)
	}
	for target, want := range map[string]string{
		"/v1/bridges/up/pause?instance=plant":                "pause up at plant",
		"/v1/bridges/up/resume":                              "resume up at edge",
		"/v1/bridges/up/switch?to=mqtt://b&instance=plant":   `switch up at plant to \"mqtt://b\"`,
		"/v1/bridges/up/switch?instance=edge&to=mqtt://c%26": `switch up at edge to \"mqtt://c&\"`,
	} {
		w := told(all["edge"], http.MethodPost, target)
		require.Equal(t, http.StatusConflict, w.Code, target)
		require.Contains(t, w.Body.String(), want, target)
	}
}

func TestOtherInstanceThatCannotBeAsked(t *testing.T) {
	all := process(t, "edge", "plant")
	refused := func(a *API, instance string, status int, want string) {
		t.Helper()
		for target, method := range map[string]string{
			"/v1/bridges": http.MethodGet, "/v1/storage": http.MethodGet, "/v1/bridges/up/pause": http.MethodPost, "/v1/bridges/up/switch": http.MethodPost,
		} {
			w := told(a, method, target+"?instance="+instance)
			require.Equal(t, status, w.Code, target)
			require.Contains(t, w.Body.String(), want, target)
		}
	}
	refused(all["edge"], "palnt", http.StatusNotFound, `there is no instance \"palnt\"; there are: edge, plant, stopped`)
	refused(all["edge"], "stopped", http.StatusServiceUnavailable, "it does not run, it is stopped")
	all["plant"].Close()
	refused(all["edge"], "plant", http.StatusServiceUnavailable, `instance \"plant\" is shutting down, or has ended`)

	alone := NewAPI(Handlers{Name: "edge", Instances: newFleet("edge", "plant")})
	t.Cleanup(alone.Close)
	refused(alone, "plant", http.StatusNotFound, `nothing is known of the inside of instance \"plant\" here`)
}

// Who waits for another instance does not hold up its end.
func TestOtherInstanceThatEnds(t *testing.T) {
	all := process(t, "edge", "plant")
	begun, answered := make(chan struct{}), make(chan *httptest.ResponseRecorder, 1)
	order := all["plant"].handlers.Order
	all["plant"].handlers.Order = func(ctx context.Context, o Order) error {
		close(begun)
		return order(ctx, o)
	}
	go func() { answered <- told(all["edge"], http.MethodPost, "/v1/bridges/up/drain?instance=plant") }()
	wait(t, begun, "nothing is asked")
	all["plant"].Close()
	w := wait(t, answered, "the order goes on")
	require.Equal(t, http.StatusConflict, w.Code)
	require.Contains(t, w.Body.String(), "context canceled")
}
