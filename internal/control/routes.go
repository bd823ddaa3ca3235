package control

import (
	"encoding/json"
	"errors"
	"net/http"

	"go.uber.org/zap"
)

// routes are the requests that are answered.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/storage", s.storage)
	mux.HandleFunc("GET /v1/backup", s.backup)
	mux.HandleFunc("GET /v1/bridges", s.bridges)
	mux.HandleFunc("POST /v1/bridges/{name}/{action}", s.order)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, http.StatusNotFound, errors.New("there is no "+r.Method+" "+r.URL.Path))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.enter() {
			s.refuse(w, http.StatusServiceUnavailable, errors.New("the instance is shutting down"))
			return
		}
		defer s.busy.Done()
		mux.ServeHTTP(w, r)
	})
}

func (s *Server) storage(w http.ResponseWriter, r *http.Request) {
	answer, err := s.handlers.Storage(r.Context())
	if err != nil {
		s.refuse(w, http.StatusInternalServerError, err)
		return
	}
	s.answer(w, http.StatusOK, "application/json", answer)
}

func (s *Server) backup(w http.ResponseWriter, r *http.Request) {
	out := &body{ResponseWriter: w}
	err := s.handlers.Backup(r.Context(), out)
	switch {
	case err == nil:
	case !out.begun:
		s.refuse(w, http.StatusInternalServerError, err)
	default:
		// The form of a backup tells that it is not complete, and so does a
		// connection that breaks off, whoever takes what is sent for another form.
		s.handlers.Log.Error("a backup was given up", zap.Error(err))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// body is the body of an answer that is begun with the first byte.
type body struct {
	http.ResponseWriter
	begun bool
}

func (b *body) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !b.begun {
		b.begun = true
		b.Header().Set("Content-Type", "application/octet-stream")
	}
	return b.ResponseWriter.Write(p)
}

func (s *Server) refuse(w http.ResponseWriter, status int, reason error) {
	s.answer(w, status, "application/problem+json", &Problem{status, http.StatusText(status), reason.Error()})
}

func (s *Server) answer(w http.ResponseWriter, status int, kind string, answer any) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		s.handlers.Log.Debug("an answer at the control socket was not taken", zap.Error(err))
	}
}
