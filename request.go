package troupe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrNoResponder is returned by [Broker.Request] when nobody subscribes to the
// topic of the request.
var ErrNoResponder = errors.New("troupe: nobody subscribes to the topic of the request")

// ResponderError is what a responder of [Broker.Respond] has to say instead of
// an answer.
type ResponderError struct {
	Topic string // of the request
	Text  string
}

func (e *ResponderError) Error() string {
	return fmt.Sprintf("troupe: the responder of %s: %s", e.Topic, e.Text)
}

// responderError is the User Property by which a responder says that it failed.
const responderError = "troupe-error"

const (
	// responseTopics is what the topics begin with to which requests of a program are answered. With $ in front no subscription to # gets them.
	responseTopics = "$troupe/response/"
	// requestsMost is how many requests of a Broker wait for an answer at a time.
	requestsMost = 1024
)

// requests are those of the program that wait for an answer.
type requests struct {
	slots chan struct{} // one for each request
	opens chan struct{} // has a value while somebody subscribes to the topic

	mu      sync.Mutex
	topic   string                   // where answers come; empty: nobody has asked yet
	waiting map[string]chan *Message // by Correlation Data; each has room for the answer
}

func newRequests() *requests {
	return &requests{slots: make(chan struct{}, requestsMost), opens: make(chan struct{}, 1), waiting: make(map[string]chan *Message)}
}

// Request publishes m and returns the answer to it, of a Client or of
// [Broker.Respond], on this broker or behind a bridge that forwards the topic of
// the request and receives $troupe/response/+ (section 4.10 of MQTT 5). The Broker makes the Response Topic, one for all its
// requests, under $troupe/response/, and the Correlation Data, which nobody can
// guess. Responders have to be allowed to publish there.
//
// Bound ctx: who subscribes may answer late or never. Where ctx has a deadline
// and m does not expire by itself, m expires with it. Of several answers the
// first is returned. The byte slices of the answer must not be changed; m may be,
// when Request has returned. 1,024 requests wait at a time, further ones until
// one of them is over.
//
// Errors: [ErrNoResponder] at once if nobody subscribes to the topic (who
// subscribes and does not answer cannot be told apart), [*ResponderError], that
// of ctx, [ErrNotRunning], and those of [Broker.Publish]. m must not have a
// Response Topic or Correlation Data, nor be retained.
func (b *Broker) Request(ctx context.Context, m Message) (*Message, error) {
	switch {
	case m.Retain:
		return nil, fmt.Errorf("troupe: request to %s: it cannot be retained", quoted(m.Topic))
	case m.ResponseTopic != "" || len(m.CorrelationData) > 0:
		return nil, fmt.Errorf("troupe: request to %s: ResponseTopic and CorrelationData are made by the broker", quoted(m.Topic))
	}
	if _, err := b.running(); err != nil {
		return nil, err
	}
	r := b.requests
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-b.done:
		return nil, ErrNotRunning
	}
	if err := r.open(ctx, b); err != nil {
		return nil, err
	}
	id := rand.Text()
	answer := make(chan *Message, 1)
	r.mu.Lock()
	m.ResponseTopic, m.CorrelationData = r.topic, []byte(id)
	r.waiting[id] = answer
	r.mu.Unlock()
	defer r.forget(id)
	if deadline, bounded := ctx.Deadline(); bounded && m.Expiry == 0 {
		m.Expiry = max(time.Until(deadline), time.Second) // whole seconds: it is rounded up
	}
	received, err := b.publish(ctx, &m)
	if err != nil {
		return nil, err
	}
	if !received {
		return nil, fmt.Errorf("%w: %s", ErrNoResponder, m.Topic)
	}
	select {
	case a := <-answer:
		for _, p := range a.UserProperties {
			if p.Name == responderError {
				return nil, &ResponderError{m.Topic, p.Value}
			}
		}
		return a, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-b.done:
		return nil, ErrNotRunning
	}
}

// open subscribes to the topic of the answers, once.
func (r *requests) open(ctx context.Context, b *Broker) error {
	select {
	case r.opens <- struct{}{}:
		defer func() { <-r.opens }()
	case <-ctx.Done():
		return ctx.Err()
	case <-b.done:
		return ErrNotRunning
	}
	r.mu.Lock()
	opened := r.topic != ""
	r.mu.Unlock()
	if opened {
		return nil
	}
	topic := responseTopics + rand.Text()
	if _, err := b.Subscribe(ctx, topic, ExactlyOnce, r.answered, WithQueue(2*requestsMost, DropOldest), WithoutRetained()); err != nil {
		return err
	}
	r.mu.Lock()
	r.topic = topic
	r.mu.Unlock()
	return nil
}

// answered gives an answer to who waits for it.
func (r *requests) answered(m *Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if answer, waits := r.waiting[string(m.CorrelationData)]; waits {
		delete(r.waiting, string(m.CorrelationData))
		answer <- m
	}
}

func (r *requests) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, id)
}
