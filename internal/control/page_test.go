package control

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// paper is a Page.
type paper struct{}

func (paper) Serve(w http.ResponseWriter, r *http.Request, a *API) {
	_, _ = io.WriteString(w, "page "+r.URL.Path+" of "+a.Name())
}

func (paper) Unavailable(w http.ResponseWriter, _ *http.Request, reason string) {
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, "no page: "+reason)
}

// seen is what somebody gets who takes HTML.
func seen(h http.Handler, method, target string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.Header.Set("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestPage(t *testing.T) {
	a := NewAPI(Handlers{Name: "edge", Instances: newFleet("edge"), Page: paper{}})
	t.Cleanup(a.Close)
	require.Equal(t, "page / of edge", seen(a, http.MethodGet, "/").Body.String())
	require.Equal(t, "page /page/some.css of edge", told(a, http.MethodGet, "/page/some.css").Body.String())
	require.Contains(t, seen(a, http.MethodGet, "/v1/instances").Body.String(), `[{"name":"edge"`)
	for _, w := range []*httptest.ResponseRecorder{told(a, http.MethodGet, "/"), seen(a, http.MethodPost, "/"), seen(a, http.MethodGet, "/pages/x")} {
		require.Equal(t, http.StatusNotFound, w.Code)
		require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	}
	a.Close()
	require.Equal(t, "no page: the instance is shutting down, or has ended", seen(a, http.MethodGet, "/").Body.String())
	require.Contains(t, told(a, http.MethodGet, "/").Body.String(), `{"status":503`)

	without := NewAPI(Handlers{})
	t.Cleanup(without.Close)
	require.Equal(t, http.StatusNotFound, seen(without, http.MethodGet, "/").Code)
}

// Links of the page lead to what is below it, so its path ends with a slash.
func TestPageBelowAPath(t *testing.T) {
	a := NewAPI(Handlers{Name: "edge", Page: paper{}})
	t.Cleanup(a.Close)
	for name, h := range map[string]http.Handler{"runs": a, "does not": Unavailable(paper{}, "later")} {
		mounted := http.StripPrefix("/some/broker", h)
		w := seen(mounted, http.MethodGet, "/some/broker?instance=a")
		require.Equal(t, http.StatusTemporaryRedirect, w.Code, name)
		require.Equal(t, "broker/?instance=a", w.Header().Get("Location"), name)
		require.Contains(t, seen(mounted, http.MethodGet, "/some/broker/").Body.String(), "page", name)
	}
}
