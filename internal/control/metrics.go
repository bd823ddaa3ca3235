package control

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

func metricsRoutes(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "metrics", Method: http.MethodGet, Path: "/metrics", Tags: []string{"instances"},
		Summary: "Tell Prometheus what the instances count",
		Description: "All instances of the process, each sample with the name of its own in the label broker; docs/metrics.md lists them. " +
			"It is the text format of Prometheus, or another that the header Accept asks for and Prometheus knows.",
		Responses: map[string]*huma.Response{"200": {Description: "The metrics.", Content: map[string]*huma.MediaType{
			"text/plain; version=0.0.4": {
				Schema:  &huma.Schema{Type: huma.TypeString},
				Example: "# HELP troupe_connections Network connections that are open.\n# TYPE troupe_connections gauge\ntroupe_connections{broker=\"edge\"} 12\n",
			},
		}}},
		Errors: []int{http.StatusNotFound, http.StatusServiceUnavailable},
	}, of((*API).metrics))
}

func (a *API) metrics(context.Context, *struct{}) (*huma.StreamResponse, error) {
	if a.handlers.Metrics == nil {
		return nil, missing("metrics")
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		r, w := humago.Unwrap(c)
		a.handlers.Metrics.ServeHTTP(w, r)
	}}, nil
}
