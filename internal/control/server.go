package control

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"go.uber.org/zap"

	"github.com/troupemq/troupe/internal/httpserver"
)

// Server has an API answer in a data directory.
type Server struct {
	api  *API
	file string // that goes with it
	http *httpserver.Server
	once sync.Once
	err  error // of Close
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
	s.http = httpserver.Serve(listener, handler, httpserver.Options{Name: "the control endpoint", Log: a.handlers.Log, Context: a.ctx})
	return s, nil
}

// Close ends the answers that are on their way and closes the API, which waits for
// the handlers to return, and removes the socket. A second Close does nothing.
func (s *Server) Close() error {
	s.once.Do(func() {
		s.api.end()
		err := s.http.Close()
		s.api.Close()
		s.err = errors.Join(err, unlink(s.file))
	})
	return s.err
}

// Leavings are the names of what a process that was killed may leave in its data
// directory because of this package.
func Leavings() []string {
	return []string{SocketName, newSocketName, tokenFileName, newTokenFileName}
}

func tokenFile(dir string) string { return filepath.Join(dir, tokenFileName) }
