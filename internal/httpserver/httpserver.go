// Package httpserver has a handler answer on an open listener, within bounds that no
// peer gets around, until it is closed; then nothing of it is left.
package httpserver

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// How long a request may take to be there, and a connection to bring the next.
const (
	headerMost = 10 * time.Second
	idleMost   = 30 * time.Second
)

// headerBytes is how long the header of a request may be.
const headerBytes = 16 << 10

// Options is what a Server is made of.
type Options struct {
	// Name is what the log calls it.
	Name string
	// Log takes what goes wrong with it.
	Log *zap.Logger
	// Context is that of all requests. Nil: there is none.
	Context context.Context
	// Exchange is how long a request and its answer may take together. 0: as long as they do.
	Exchange time.Duration
	// Connections that may be open at a time; whoever comes then is turned away. 0: any number.
	Connections int64
}

// Server answers on one listener.
type Server struct {
	http   http.Server
	served chan struct{} // closed when nothing is accepted any more
	number atomic.Int64  // of connections
	open   sync.WaitGroup
	once   sync.Once
	err    error // of Close
}

// Serve has h answer on l until Close, which closes l too.
func Serve(l net.Listener, h http.Handler, o Options) *Server {
	s, header := &Server{served: make(chan struct{})}, headerMost
	if o.Exchange > 0 {
		header = min(header, o.Exchange)
	}
	s.http = http.Server{
		Handler: h, ErrorLog: zap.NewStdLog(o.Log), MaxHeaderBytes: headerBytes,
		ReadHeaderTimeout: header, IdleTimeout: idleMost, ReadTimeout: o.Exchange, WriteTimeout: o.Exchange,
		ConnState: func(c net.Conn, to http.ConnState) { s.follow(c, to, o.Connections) },
	}
	if o.Context != nil {
		s.http.BaseContext = func(net.Listener) context.Context { return o.Context }
	}
	go func() {
		defer close(s.served)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			o.Log.Error(o.Name+" is closed", zap.Error(err))
		}
	}()
	return s
}

// follow keeps count of connections. The last thing that is done for one is to say
// that it is closed.
func (s *Server) follow(c net.Conn, to http.ConnState, most int64) {
	switch to {
	case http.StateNew:
		s.open.Add(1)
		if n := s.number.Add(1); most > 0 && n > most {
			_ = c.Close()
		}
	case http.StateClosed, http.StateHijacked:
		s.number.Add(-1)
		s.open.Done()
	}
}

// Close closes the listener and all connections, and waits until no handler runs
// any more: the context of the requests, and what they are made of, have to see
// to that. A second Close does nothing.
func (s *Server) Close() error {
	s.once.Do(func() {
		s.err = s.http.Close()
		<-s.served
		s.open.Wait()
	})
	return s.err
}
