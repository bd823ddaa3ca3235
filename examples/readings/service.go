package main

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/troupemq/troupe"
)

const (
	topics  = "readings/"
	largest = 64 << 10 // bytes of a reading
	waiting = 100      // messages for a browser that is slow
)

// service is the HTTP side.
type service struct {
	http.ServeMux
	broker *troupe.Broker

	mu     sync.Mutex
	latest map[string]string
}

// newService makes the handler. It hears everything that is published.
func newService(ctx context.Context, broker *troupe.Broker, token string) (*service, error) {
	s := &service{broker: broker, latest: make(map[string]string)}
	_, err := broker.Subscribe(ctx, topics+"+", troupe.AtLeastOnce, func(m *troupe.Message) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.latest[strings.TrimPrefix(m.Topic, topics)] = string(m.Payload)
	})
	if err != nil {
		return nil, err
	}
	s.HandleFunc("POST /readings/{sensor}", s.publish)
	s.HandleFunc("GET /readings", s.list)
	s.HandleFunc("GET /readings/{sensor}/events", s.events)
	s.Handle("GET /mqtt", broker.WebSocketHandler(troupe.ServeOptions{Anonymous: true}))
	s.Handle("/broker/", administrators(token, http.StripPrefix("/broker", broker.AdminHandler())))
	return s, nil
}

// publish answers when everybody who subscribes was handed the reading.
func (s *service) publish(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largest))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	m := troupe.Message{Topic: topics + r.PathValue("sensor"), Payload: body, QoS: troupe.AtLeastOnce, Retain: true}
	switch err := s.broker.Publish(r.Context(), m); {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, troupe.ErrNotRunning), r.Context().Err() != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	case errors.As(err, new(*troupe.RefusedError)): // somebody who must not miss it has no room
		http.Error(w, err.Error(), http.StatusTooManyRequests)
	default: // no Topic Name
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (s *service) list(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.latest)
}

// events gives a browser a subscription of its own, as long as it is there. One that
// is slow loses the oldest messages and holds up nobody.
func (s *service) events(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	messages := make(chan *troupe.Message)
	sub, err := s.broker.SubscribeChan(ctx, topics+r.PathValue("sensor"), troupe.AtMostOnce, messages, troupe.WithQueue(waiting, troupe.DropOldest))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	defer func() { _ = sub.Close() }()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	flush := http.NewResponseController(w)
	for {
		if err := flush.Flush(); err != nil {
			return
		}
		select {
		case m := <-messages:
			event, _ := json.Marshal(map[string]string{"sensor": strings.TrimPrefix(m.Topic, topics), "reading": string(m.Payload)})
			_, _ = fmt.Fprintf(w, "data: %s\n\n", event)
		case <-sub.Done(): // the broker has ended
			return
		case <-ctx.Done():
			return
		}
	}
}

// administrators lets in who knows the token: as bearer, or as the password of any
// user, which a browser asks for.
func administrators(token string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, said, basic := r.BasicAuth()
		if !basic {
			said = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		}
		if token == "" || subtle.ConstantTimeCompare([]byte(said), []byte(token)) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="broker"`)
			http.Error(w, "administrators only", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
