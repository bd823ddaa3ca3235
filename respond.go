package troupe

import (
	"context"
	"errors"
	"math"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/troupemq/troupe/protocol/topic"
)

// respondMost is how long an answer waits for receivers that are far behind.
const respondMost = 10 * time.Second

// Respond answers requests: it calls handle for each message that matches filter,
// as [Broker.Subscribe] does, and publishes what handle returns to the Response
// Topic of the message, with its Correlation Data and at least its QoS. Topic,
// CorrelationData and Retain of what handle returns are of no meaning. A message
// without a Response Topic is handled too, and what is returned goes nowhere.
// Retained messages are no requests and are left out.
//
// ctx is for Respond alone. That of handle is done when the subscription ends, or
// when the request expires and so nobody waits for an answer. An error of handle
// is told to the requester: its text is the User Property "troupe-error" of an
// empty answer, and what [Broker.Request] returns as [*ResponderError]. A panic, the
// end of the goroutine of handle, and an answer that MQTT cannot express are
// logged, and the requester is told that the responder failed, and no more. A
// request that is a QoS 1 duplicate is handled again.
//
// One request is handled at a time, in order; [WithConcurrency] handles more. With
// a filter "$share/name/filter" several programs share the work. Options are
// those of Subscribe and [WithResponseTopics].
func (b *Broker) Respond(ctx context.Context, filter string, qos QoS, handle func(ctx context.Context, request *Message) (Message, error), options ...SubscribeOption) (*Subscription, error) {
	if handle == nil {
		return nil, refusedFilter(filter, errors.New("the function is nil"))
	}
	options = append([]SubscribeOption{WithoutRetained()}, options...)
	return b.subscribe(ctx, filter, qos, options, func(s *Subscription, w *wish) consumer {
		r := &responder{broker: b, filter: filter, ends: s.queue.Context(), topics: w.responses, handle: handle}
		return consumer{goroutines: w.concurrency, hand: r.respond}
	})
}

// WithResponseTopics has [Broker.Respond] publish answers to topics that match
// filter alone; requests that name another one are not handled. Clients choose
// where they are answered, and the program may publish everywhere: where Clients
// are not trusted to publish to every topic, say which may be asked for. Answers to
// $SYS/ are never published.
func WithResponseTopics(filter string) SubscribeOption {
	return func(w *wish) {
		if err := topic.ValidateFilter(filter); err != nil {
			w.refuse("WithResponseTopics: %q: %w", filter, err)
		}
		w.responses = filter
	}
}

// responder is who answers requests.
type responder struct {
	broker *Broker
	filter string
	ends   context.Context
	topics string // where answers may go; empty: anywhere
	handle func(context.Context, *Message) (Message, error)
	warned atomic.Bool // of what Clients can bring about as often as they like
}

// warn logs, at the debug level but for the first time.
func (r *responder) warn(text string, field zap.Field) {
	level := zap.DebugLevel
	if !r.warned.Swap(true) {
		level = zap.WarnLevel
	}
	r.broker.log.Log(level, text, zap.String("filter", r.filter), field)
}

// respond handles one request.
func (r *responder) respond(request *Message) {
	to, back := request.ResponseTopic, *request // of which handle may change what it likes
	if to != "" && !r.may(to) {
		r.warn("a request asks for an answer to a topic that is not for answers", zap.String("topic", to))
		return
	}
	ctx := r.ends
	if request.Expiry > 0 {
		bounded, cancel := context.WithTimeout(ctx, request.Expiry)
		defer cancel()
		ctx = bounded
	}
	answer, err := Message{}, errResponder
	if to != "" {
		defer func() { r.tell(&back, answer, err) }() // if handle ends its goroutine too
	}
	answer, err = r.answer(ctx, request)
}

// errResponder is what a requester is told of a failure of handle, and no more.
var errResponder = errors.New("the responder failed")

// tell publishes the answer to a request.
func (r *responder) tell(request *Message, answer Message, err error) {
	if err != nil {
		answer = failedWith(err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ends), respondMost)
	defer cancel()
	publish := func(answer Message) error {
		answer.Topic, answer.CorrelationData, answer.QoS, answer.Retain = request.ResponseTopic, request.CorrelationData, max(answer.QoS, request.QoS), false
		return r.broker.Publish(ctx, answer)
	}
	if err := publish(answer); err != nil && !errors.Is(err, ErrNotRunning) {
		r.warn("an answer could not be published", zap.Error(err))
		_ = publish(failedWith(errResponder)) // what MQTT cannot express must not have the requester wait
	}
}

// failedWith is the answer of a responder that has none. The text of any error can
// be a User Property: what MQTT does not allow in one is replaced, and what is
// too long cut off.
func failedWith(err error) Message {
	const replacement = "\uFFFD"
	text := strings.ToValidUTF8(strings.ReplaceAll(err.Error(), "\x00", replacement), replacement)
	text = strings.ToValidUTF8(text[:min(len(text), math.MaxUint16)], "") // no half of a character at the end
	return Message{UserProperties: []UserProperty{{responderError, text}}}
}

func (r *responder) may(to string) bool {
	return !strings.HasPrefix(to, "$SYS/") && (r.topics == "" || topic.Match(r.topics, to))
}

// answer calls the program's function.
func (r *responder) answer(ctx context.Context, request *Message) (answer Message, err error) {
	returned := false
	defer func() {
		if reason := failure(recover(), returned); reason != nil {
			r.broker.log.Error("a function of the program failed",
				zap.String("filter", r.filter), zap.Any("reason", reason), zap.ByteString("stack", debug.Stack()))
			err = errResponder
		}
	}()
	answer, err = r.handle(ctx, request)
	returned = true
	return answer, err
}
