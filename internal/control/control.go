// Package control is how a command on the same machine talks to a running
// instance: HTTP over a Unix socket in the data directory, for the user of the
// instance alone. It is handed what it answers with and knows no broker.
//
//	GET /v1/storage   what uses the space, a [Storage] as JSON
//	GET /v1/backup    a backup, as persistence/backup writes it
//	GET /v1/bridges   how the bridges are, a list of [Bridge] as JSON
//	POST /v1/bridges/{name}/{pause, resume, switch or drain}   asks something of a bridge, see [Order]
//
// Who cannot be answered gets a [Problem] as JSON.
package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"
)

// SocketName is the name of the socket in a data directory.
const SocketName = "control.sock"

// Socket is the path of the socket of the instance that has a data directory.
func Socket(dir string) string { return filepath.Join(dir, SocketName) }

// Handlers are what a Server answers with. They are called on goroutines of
// their own, several at a time, and have to end soon after their context does.
type Handlers struct {
	// Storage tells what uses the space.
	Storage func(ctx context.Context) (Storage, error)
	// Backup writes a backup to w, which fails once nobody reads it any more.
	Backup func(ctx context.Context, w io.Writer) error
	// Bridges tells how the bridges are.
	Bridges func(ctx context.Context) ([]Bridge, error)
	// Order does what is asked of a bridge. An [ErrUnknown]: there is no such bridge,
	// upstream or action.
	Order func(ctx context.Context, o Order) error
	// Log gets what went wrong on the way to an answer. Nil: nothing is logged.
	Log *zap.Logger
}

// Server answers at a socket.
type Server struct {
	handlers Handlers
	listener net.Listener
	path     string
	http     http.Server
	cancel   context.CancelFunc
	served   chan struct{} // closed when nothing is accepted any more

	mu     sync.Mutex
	closed bool
	busy   sync.WaitGroup // requests; none is added once closed
}

// Serve makes the socket at path, which only the user of the process may use,
// and answers there until Close. A socket that a dead process left there is
// replaced, one that somebody answers at is an error.
func Serve(path string, h Handlers) (*Server, error) {
	listener, err := listen(path)
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	if h.Log == nil {
		h.Log = zap.NewNop()
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{handlers: h, listener: listener, path: path, cancel: cancel, served: make(chan struct{})}
	s.http = http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: 10 * time.Second,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          zap.NewStdLog(h.Log),
	}
	go func() {
		defer close(s.served)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			h.Log.Error("the control socket is closed", zap.Error(err))
		}
	}()
	return s, nil
}

// Close ends the answers that are on their way, waits for the handlers to
// return and removes the socket. A second Close does nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	s.cancel()
	err := s.http.Close()
	<-s.served
	s.busy.Wait()
	return errors.Join(err, unlink(s.path))
}

// enter counts a request in, if the Server is not closed.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.busy.Add(1)
	}
	return !s.closed
}
