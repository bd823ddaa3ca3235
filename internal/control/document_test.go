package control

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2/yaml"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata/openapi.yaml anew from the types")

// whole has something to say to everything.
func whole(t *testing.T) *API {
	a := NewAPI(Handlers{
		Name: "edge", Version: "test",
		Storage:   func(context.Context) (Storage, error) { return Storage{}, nil },
		Backup:    func(context.Context, io.Writer) error { return nil },
		Bridges:   func(context.Context) ([]Bridge, error) { return nil, nil },
		Order:     func(context.Context, Order) error { return nil },
		Instances: newFleet("edge"),
		Metrics:   http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "troupe_up 1\n") }),
	})
	t.Cleanup(a.Close)
	return a
}

func get(t *testing.T, h http.Handler, target string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	return w
}

// A change of what is asked and answered is seen here. What has gone, or has
// another name or type, breaks somebody's program: keep it.
func TestDocument(t *testing.T) {
	const file = "testdata/openapi.yaml"
	got := get(t, whole(t), "/openapi.yaml")
	require.Equal(t, "application/openapi+yaml", got.Header().Get("Content-Type"))
	if *update {
		require.NoError(t, os.WriteFile(file, got.Body.Bytes(), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got.Body.String(), "if that is meant: go test ./internal/control -update")
}

// Both forms say the same, wherever and however often they are asked for.
func TestDocumentFormsAgree(t *testing.T) {
	a := whole(t)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			asJSON, asYAML := get(t, a, "/openapi.json"), get(t, a, "/openapi.yaml")
			require.Equal(t, "application/openapi+json", asJSON.Header().Get("Content-Type"))
			var text bytes.Buffer
			require.NoError(t, yaml.Convert(&text, asJSON.Body))
			require.Equal(t, text.String(), asYAML.Body.String())
		})
	}
	group.Wait()
}

// document is as much of the document as tests look at.
type document struct {
	OpenAPI string                     `json:"openapi"`
	Servers []struct{ URL string }     `json:"servers"`
	Paths   map[string]map[string]call `json:"paths"`
	Parts   struct {
		Schemas map[string]struct {
			Properties map[string]struct{ Description string }
		} `json:"schemas"`
	} `json:"components"`
}

type call struct {
	Summary, Description string
	Parameters           []struct{ Name, Description string }
	Responses            map[string]any
}

func read(t *testing.T, h http.Handler, target string) (d document) {
	t.Helper()
	require.NoError(t, json.Unmarshal(get(t, h, target).Body.Bytes(), &d))
	return d
}

// Everything in it is explained.
func TestDocumentSaysWhatEverythingIs(t *testing.T) {
	d := read(t, whole(t), "/openapi.json")
	require.Equal(t, "3.1.0", d.OpenAPI)
	calls := 0
	for path, methods := range d.Paths {
		for method, c := range methods {
			calls++
			require.NotEmpty(t, c.Summary, "%s %s", method, path)
			require.NotEmpty(t, c.Description, "%s %s", method, path)
			require.Contains(t, c.Responses, "503", "%s %s", method, path)
			for _, p := range c.Parameters {
				require.NotEmpty(t, p.Description, "%s %s: %s", method, path, p.Name)
			}
		}
	}
	require.Equal(t, 15, calls)
	require.Contains(t, d.Parts.Schemas, "Problem")
	require.NotContains(t, d.Parts.Schemas, "ErrorModel")
	for name, s := range d.Parts.Schemas {
		for property, p := range s.Properties {
			require.NotEmpty(t, p.Description, "%s.%s", name, property)
		}
	}
}

// Below a path it says where it is.
func TestDocumentWhereItIsMounted(t *testing.T) {
	a := whole(t)
	require.Empty(t, read(t, a, "/openapi.json").Servers)
	mux := http.NewServeMux()
	mux.Handle("/some/broker/", http.StripPrefix("/some/broker", a))
	d := read(t, mux, "/some/broker/openapi.json?x=/openapi.json")
	require.Len(t, d.Servers, 1)
	require.Equal(t, "/some/broker", d.Servers[0].URL)
	require.Contains(t, get(t, mux, "/some/broker/v1/instances").Body.String(), `"name":"edge"`)
	require.Empty(t, read(t, a, "/openapi.json").Servers, "one request changes another")
}
