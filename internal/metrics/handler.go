package metrics

import (
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
)

// scrapesMost is how many scrapes are answered at a time; who asks beside them is
// told 503 (Service Unavailable).
const scrapesMost = 4

// Handler answers with what a collector tells, in the text format of Prometheus or
// another that it asks for. It takes no memory before the first request. What is
// wrong with an answer is logged, and answered with 500.
func Handler(c prometheus.Collector, log *zap.Logger) http.Handler {
	made := sync.OnceValue(func() http.Handler {
		own := prometheus.NewRegistry()
		if err := own.Register(c); err != nil {
			log.Error("there are no metrics", zap.Error(err))
		}
		options := promhttp.HandlerOpts{MaxRequestsInFlight: scrapesMost, CoalesceGather: true}
		if to, err := zap.NewStdLogAt(log, zap.ErrorLevel); err == nil {
			options.ErrorLog = to
		}
		return promhttp.HandlerFor(own, options)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { made().ServeHTTP(w, r) })
}

// Only answers GET /metrics as h does, and nothing else.
func Only(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", h)
	return mux
}
