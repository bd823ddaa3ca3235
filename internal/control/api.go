package control

import (
	"context"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"
)

// API answers requests over HTTP, wherever it is mounted, until Close.
type API struct {
	handlers Handlers
	ctx      context.Context // done once closed
	cancel   context.CancelFunc

	mu     sync.Mutex
	closed bool
	busy   sync.WaitGroup // requests, and stops that are under way; none is added once closed
}

// NewAPI makes an API that answers with h.
func NewAPI(h Handlers) *API {
	if h.Log == nil {
		h.Log = zap.NewNop()
	}
	a := &API{handlers: h}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !a.enter() {
		Unavailable(a.handlers.Page, "the instance is shutting down, or has ended").ServeHTTP(w, r)
		return
	}
	defer a.busy.Done()
	ctx, cancel := context.WithCancel(context.WithValue(r.Context(), asked{}, a))
	defer cancel()
	defer a.cut(w, cancel)()
	if toDirectory(w, r) {
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w, r = &quiet{w}, r.WithContext(ctx)
	if foreign(r) {
		refuse(w, http.StatusForbidden, foreignText)
		return
	}
	if a.handlers.Page != nil && forPeople(r) {
		a.handlers.Page.Serve(w, r, a)
		return
	}
	routes().ServeHTTP(w, r)
}

// Close ends the answers that are on their way and waits for the handlers to
// return. Who asks later is refused. A second Close does nothing.
func (a *API) Close() {
	a.end()
	a.busy.Wait()
}

// end lets nobody in any more, and has the handlers end.
func (a *API) end() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.cancel()
}

// enter counts a request in, if the API is not closed.
func (a *API) enter() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.busy.Add(1)
	}
	return !a.closed
}

// cut ends a request when the API is closed: a handler that waits for the network
// does not see its context. The caller calls release when the request is over.
func (a *API) cut(w http.ResponseWriter, cancel context.CancelFunc) (release func()) {
	done := make(chan struct{})
	stop := context.AfterFunc(a.ctx, func() {
		defer close(done)
		cancel()
		c := http.NewResponseController(w)
		_ = c.SetReadDeadline(time.Unix(1, 0)) // where it is not supported, the peer decides how long it takes
		_ = c.SetWriteDeadline(time.Unix(1, 0))
	})
	return func() {
		if !stop() {
			<-done
		}
	}
}

// quiet is an answer that nobody has to read to the end: huma would panic, or
// write to standard error.
type quiet struct{ http.ResponseWriter }

func (q *quiet) Write(p []byte) (int, error) {
	_, _ = q.ResponseWriter.Write(p)
	return len(p), nil
}

// Unwrap is for http.ResponseController.
func (q *quiet) Unwrap() http.ResponseWriter { return q.ResponseWriter }
