package metrics

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func ask(h http.Handler, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

func TestHandler(t *testing.T) {
	h := Only(Handler(New("edge", full), zap.NewNop()))
	got := ask(h, http.MethodGet, "/metrics")
	require.Equal(t, http.StatusOK, got.Code)
	require.Contains(t, got.Header().Get("Content-Type"), "text/plain; version=0.0.4")
	require.Contains(t, got.Body.String(), "\ntroupe_up{broker=\"edge\"} 1\n")
	require.Contains(t, got.Body.String(), "# HELP troupe_connections Network connections that are open.\n# TYPE troupe_connections gauge\n")
	for path, status := range map[string]int{"/": http.StatusNotFound, "/metrics/": http.StatusNotFound, "/v1/instances": http.StatusNotFound, "/debug/pprof/": http.StatusNotFound} {
		require.Equal(t, status, ask(h, http.MethodGet, path).Code, path)
	}
	require.Equal(t, http.StatusMethodNotAllowed, ask(h, http.MethodPost, "/metrics").Code)
}

// Those who ask beside as many as are answered are told so at once.
func TestFewAtATime(t *testing.T) {
	release := make(chan struct{})
	h := Handler(New("edge", func() Reading { <-release; return Reading{} }), zap.NewNop())
	codes := make(chan int)
	for range scrapesMost + 1 {
		go func() { codes <- ask(h, http.MethodGet, "/metrics").Code }()
	}
	require.Equal(t, http.StatusServiceUnavailable, <-codes, "the others wait")
	close(release)
	for range scrapesMost {
		require.Equal(t, http.StatusOK, <-codes)
	}
}

// What cannot be told is an error, and no half of an answer.
func TestTwice(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	h := Handler(twice{}, zap.New(core))
	got := ask(h, http.MethodGet, "/metrics")
	require.Equal(t, http.StatusInternalServerError, got.Code)
	require.NotContains(t, got.Body.String(), "\ntroupe_up")
	require.Equal(t, 1, logs.Len())
}

// twice tells of two instances with one name.
type twice struct{}

func (twice) Describe(chan<- *prometheus.Desc) {}

func (twice) Collect(out chan<- prometheus.Metric) {
	Down("edge").Collect(out)
	Down("edge").Collect(out)
}
