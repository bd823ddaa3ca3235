package control

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// body is what huma is given, or answers, that is nothing but a body.
type body[T any] struct {
	Body T `nullable:"false"`
}

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// some is a list that JSON has as a list, if there is nothing in it too.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// asked is the key of the API in the context of a request.
type asked struct{}

// of makes a handler of huma out of one of an API: that of the request.
func of[I, O any](handle func(*API, context.Context, *I) (*O, error)) func(context.Context, *I) (*O, error) {
	return func(ctx context.Context, in *I) (*O, error) { return handle(ctx.Value(asked{}).(*API), ctx, in) }
}

// missing is why there is no answer where an API was given none.
func missing(what string) *Problem {
	return problem(http.StatusNotFound, "nothing is known of "+what+" here")
}

// routes are what answers, for all APIs of the process, of whose state there is
// nothing in it. They are made for the first request: they take as much memory
// as some hundred idle Clients, which nobody pays who is not asked.
var routes = sync.OnceValue(func() http.Handler {
	mux := http.NewServeMux()
	api := humago.New(mux, settings())
	storageRoutes(api)
	backupRoutes(api)
	bridgeRoutes(api)
	instanceRoutes(api)
	metricsRoutes(api)
	documentRoutes(mux, api.OpenAPI())
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "there is no "+r.Method+" "+r.URL.Path)
	})
	// Where a browser is let in by a cookie, no other site may have it send requests.
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusForbidden, foreignText)
	}))
	return guard.Handler(mux)
})

// settings are what huma makes the API with. What it would serve of itself is not
// asked for: its pages load scripts from elsewhere.
func settings() huma.Config {
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	schemas.RegisterTypeAlias(typeOf[huma.ErrorModel](), typeOf[Problem]())
	c := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       "TroupeMQ",
				Description: "What a running instance answers, and what it can be asked. Times are in RFC 3339, sizes in bytes. Who cannot be answered gets a problem in the form of RFC 9457.",
			},
			Tags: []*huma.Tag{
				{Name: "instances", Description: "The instances of the process."},
				{Name: "bridges", Description: "The bridges of the instance that answers."},
				{Name: "storage", Description: "What the instance that answers keeps."},
			},
			Components: &huma.Components{
				Schemas: schemas,
				SecuritySchemes: map[string]*huma.SecurityScheme{"token": {
					Type: "http", Scheme: "bearer",
					Description: "The token of control.json in the data directory. At the Unix socket no token is needed, and in a program that mounts this in its own server, that program says who may come in.",
				}},
			},
			Security: []map[string][]string{{"token": {}}, {}},
		},
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
	}
	c.AllowAdditionalPropertiesByDefault = true // an answer may have more to say one day
	return c
}

// documentRoutes answer with the document. It is made for each request, of which
// there are few: kept, it would take more memory than all else here.
func documentRoutes(mux *http.ServeMux, document *huma.OpenAPI) {
	serve := func(path, kind string, write func(*huma.OpenAPI) ([]byte, error)) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			here, info := *document, *document.Info
			here.Info = &info
			info.Version = cmp.Or(r.Context().Value(asked{}).(*API).handlers.Version, "unknown")
			if prefix := mountedAt(r); prefix != "" {
				here.Servers = []*huma.Server{{URL: prefix}}
			}
			text, err := write(&here)
			if err != nil {
				refuse(w, http.StatusInternalServerError, err.Error())
				return
			}
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(text)
		})
	}
	serve("/openapi.json", "application/openapi+json", func(d *huma.OpenAPI) ([]byte, error) { return json.Marshal(d) })
	serve("/openapi.yaml", "application/openapi+yaml", (*huma.OpenAPI).YAML)
}

// mountedAt is what was taken from the path of a request on its way here, by
// http.StripPrefix or one like it.
func mountedAt(r *http.Request) string {
	whole, _, _ := strings.Cut(r.RequestURI, "?")
	prefix, ok := strings.CutSuffix(whole, r.URL.EscapedPath())
	if !ok || !strings.HasPrefix(prefix, "/") {
		return ""
	}
	return prefix
}
