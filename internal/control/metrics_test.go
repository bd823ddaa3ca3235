package control

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// Metrics are answered as they come, and are nowhere else than at their path.
func TestMetrics(t *testing.T) {
	a := whole(t)
	require.Equal(t, "troupe_up 1\n", get(t, a, "/metrics").Body.String())
	mux := http.NewServeMux()
	mux.Handle("/some/broker/", http.StripPrefix("/some/broker", a))
	require.Equal(t, "troupe_up 1\n", get(t, mux, "/some/broker/metrics").Body.String())
	for method, path := range map[string]string{http.MethodGet: "/metrics/x", http.MethodPost: "/metrics"} {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		require.Contains(t, []int{http.StatusNotFound, http.StatusMethodNotAllowed}, w.Code, path)
	}

	none := NewAPI(Handlers{Name: "edge"})
	t.Cleanup(none.Close)
	w := httptest.NewRecorder()
	none.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusNotFound, w.Code)
	require.Contains(t, w.Body.String(), "nothing is known of metrics here")
}
