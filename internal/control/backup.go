package control

import (
	"context"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"go.uber.org/zap"
)

func backupRoutes(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "backup", Method: http.MethodGet, Path: "/v1/backup", Tags: []string{"storage"},
		Summary: "Make a backup",
		Description: "What was committed at one moment, as one stream with checksums; the broker goes on meanwhile. " +
			"When it cannot be completed the connection breaks off; troupe restore --check says whether a backup is whole.",
		Responses: map[string]*huma.Response{"200": {Description: "The backup.", Content: map[string]*huma.MediaType{
			"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
		}}},
		Errors: []int{http.StatusNotFound, http.StatusServiceUnavailable},
	}, of((*API).backup))
}

func (a *API) backup(context.Context, *struct{}) (*huma.StreamResponse, error) {
	if a.handlers.Backup == nil {
		return nil, missing("storage")
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		r, w := humago.Unwrap(c)
		a.writeBackup(w, r)
	}}, nil
}

func (a *API) writeBackup(w http.ResponseWriter, r *http.Request) {
	out := &stream{ResponseWriter: w}
	if q, ok := w.(*quiet); ok {
		out.ResponseWriter = q.ResponseWriter // the handler has to know that nobody reads
	}
	err := a.handlers.Backup(r.Context(), out)
	switch {
	case err == nil:
	case !out.begun:
		p := failure(err, http.StatusInternalServerError)
		refuse(w, p.Status, p.Detail)
	default:
		// The form of a backup tells that it is not complete, and so does a
		// connection that breaks off, whoever takes what is sent for another form.
		a.handlers.Log.Error("a backup was given up", zap.Error(err))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// stream is an answer that is begun with the first byte.
type stream struct {
	http.ResponseWriter
	begun bool
}

func (s *stream) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !s.begun {
		s.begun = true
		s.Header().Set("Content-Type", "application/octet-stream")
	}
	return s.ResponseWriter.Write(p)
}

// Backup asks for a backup. Whether it is complete its own form tells: see
// persistence/backup.
func (c *Client) Backup(ctx context.Context) (io.ReadCloser, error) {
	return c.do(ctx, http.MethodGet, "/v1/backup", nil)
}
