package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"go.uber.org/zap"

	"github.com/troupemq/troupe/internal/httpserver"
)

// Server has an API answer in a data directory.
type Server struct {
	api   *API
	file  string       // that goes with it
	again func() error // makes that, which is gone
	once  sync.Once
	err   error // of Close

	mu     sync.Mutex
	closed bool
	http   []*httpserver.Server // one for each socket that there was
}

// Serve has a answer in the data directory dir until Close, for the user of the
// process alone. It makes a socket there, or where that cannot be had a port on
// loopback and a file with a token. What a dead process left there is
// replaced; a socket that somebody answers at is an error.
func Serve(dir string, a *API) (*Server, error) {
	s := &Server{api: a, file: Socket(dir)}
	handler := atSocket(a)
	listener, err := listen(s.file)
	if err != nil {
		err = fmt.Errorf("control socket %s: %w", s.file, err)
		if errors.Is(err, errTaken) {
			return nil, err
		}
		reason := err
		s.file = tokenFile(dir)
		if listener, handler, err = listenLoopback(s.file, a); err != nil {
			return nil, fmt.Errorf("%w; nor can there be a port: %w", reason, err)
		}
		a.handlers.Log.Warn("there is no control socket; a port on loopback takes its place, with a token in a file",
			zap.NamedError("reason", reason), zap.Stringer("address", listener.Addr()), zap.String("file", s.file))
	} else {
		_ = unlink(tokenFile(dir))
	}
	s.serve(listener, handler)
	s.again = func() error {
		if g, port := handler.(*guard); port {
			return g.write(s.file)
		}
		listener, err := listen(s.file)
		if err == nil {
			s.serve(listener, handler)
		}
		return err
	}
	return s, nil
}

// serve has h answer on l. Nobody else has s, or the lock is held.
func (s *Server) serve(l net.Listener, h http.Handler) {
	s.http = append(s.http, httpserver.Serve(l, h, httpserver.Options{Name: "the control endpoint", Log: s.api.handlers.Log, Context: s.api.ctx}))
}

// Renew makes the socket, or the file with the token, again if it is gone, and tells
// whether it was: somebody who tidies up may remove it, and no command would find the
// instance any more. Who is connected stays so.
func (s *Server) Renew() (made bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false, nil
	}
	if _, err := os.Lstat(s.file); !errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err := s.again(); err != nil {
		return false, fmt.Errorf("%s is gone, and cannot be made again: %w", s.file, err)
	}
	return true, nil
}

// Close ends the answers that are on their way and closes the API, which waits for
// the handlers to return, and removes the socket. A second Close does nothing.
func (s *Server) Close() error {
	s.once.Do(func() {
		s.api.end()
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		var wrong []error
		for _, server := range s.http {
			wrong = append(wrong, server.Close())
		}
		s.api.Close()
		s.err = errors.Join(append(wrong, unlink(s.file))...)
	})
	return s.err
}

// Leavings are the names of what a process that was killed may leave in its data
// directory because of this package.
func Leavings() []string {
	return []string{SocketName, newSocketName, tokenFileName, newTokenFileName}
}

func tokenFile(dir string) string { return filepath.Join(dir, tokenFileName) }
