package troupe

import (
	"fmt"

	"github.com/troupemq/troupe/actors/local"
	"github.com/troupemq/troupe/protocol/packet"
)

// SubscribeOption sets up a subscription of the program. A value that cannot be
// is an error of what subscribes.
type SubscribeOption func(*wish)

// wish is what a subscription is to be.
type wish struct {
	queue       int
	overflow    Overflow
	concurrency int
	window      int
	answers     bool
	retained    bool
	options     packet.SubscriptionOptions
	id          uint32
	responses   string // filter of the topics where answers may go
	refused     error
}

// Overflow says what gives way when as many messages wait for the program as may.
type Overflow uint8

const (
	// DropOldest drops the message that waited longest. Publishers never wait.
	DropOldest = Overflow(local.DropOldest)
	// DropNewest drops the message that came last. Publishers never wait.
	DropNewest = Overflow(local.DropNewest)
	// SlowPublishers drops nothing with QoS 1 and 2. From half of the bound on
	// publishers of such messages wait, Clients and [Broker.Publish] alike, until
	// a quarter is left; what they had sent before comes beyond the bound. They
	// wait as long as it takes: who does not take messages holds up all who
	// publish to him. A function that publishes to its own subscription may wait
	// for itself; its context ends that. With QoS 0, of the message or of the
	// subscription, nobody waits, and what comes beyond the bound is dropped.
	SlowPublishers = Overflow(local.Slow)
)

// WithQueue bounds how many messages may wait for the program, at least 1, and
// says what gives way beyond that. What is dropped is counted by
// [Subscription.Dropped] and in $SYS, and logged once until the queue was empty.
// Without the option it is what the configuration says for the queue of a Client
// (session.queue.max_messages), with [DropOldest].
//
// Retained messages that a new subscription gets come as they are taken, and do
// not give way before there are new ones.
func WithQueue(messages int, overflow Overflow) SubscribeOption {
	return func(w *wish) {
		switch {
		case messages < 1:
			w.refuse("WithQueue: %d messages, at least 1 has to have room", messages)
		case overflow > SlowPublishers:
			w.refuse("WithQueue: there is no overflow %d; allowed are DropOldest, DropNewest and SlowPublishers", overflow)
		}
		w.queue, w.overflow = messages, overflow
	}
}

// WithConcurrency has a function called on so many goroutines at a time, 1 to
// 65,536, instead of one; then messages are taken in order, and who is done
// first is not known. Of no meaning to channels and actors.
func WithConcurrency(goroutines int) SubscribeOption {
	return func(w *wish) {
		if goroutines < 1 || goroutines > 1<<16 {
			w.refuse("WithConcurrency: %d goroutines, allowed are 1 to %d", goroutines, 1<<16)
		}
		w.concurrency = goroutines
	}
}

// WithWindow says how many messages an actor has at a time, 1 to 65,536, so that
// its mailbox is bounded; 64 without the option. Of no meaning to functions and
// channels. See [Broker.SubscribePID].
func WithWindow(messages int) SubscribeOption {
	return func(w *wish) {
		if messages < 1 || messages > 1<<16 {
			w.refuse("WithWindow: %d messages, allowed are 1 to %d", messages, 1<<16)
		}
		w.window = messages
	}
}

// WithAnswers leaves a message in the window of an actor until the actor has
// answered it (actor.Context.Respond, with anything), and not until it has
// received it: for actors that hand their work on. Of no meaning to functions
// and channels. See [Broker.SubscribePID].
func WithAnswers() SubscribeOption { return func(w *wish) { w.answers = true } }

// WithoutRetained leaves out the retained messages that a new subscription gets
// (Retain Handling 2).
func WithoutRetained() SubscribeOption { return func(w *wish) { w.retained = false } }

// WithoutOwn leaves out what the program itself publishes with the same Broker
// (No Local): for a program that hands messages on in both directions. It is not
// for shared subscriptions.
func WithoutOwn() SubscribeOption { return func(w *wish) { w.options.NoLocal = true } }

// WithRetainAsPublished leaves Message.Retain as the publisher set it; otherwise
// it is false for all but messages that were kept from before.
func WithRetainAsPublished() SubscribeOption {
	return func(w *wish) { w.options.RetainAsPublished = true }
}

// WithSubscriptionID gives the subscription an identifier, 1 to 268,435,455: its
// messages have it in SubscriptionIDs. That tells subscriptions apart which
// share a channel, an actor or a function.
func WithSubscriptionID(id uint32) SubscribeOption {
	return func(w *wish) {
		if id < 1 || id > 1<<28-1 {
			w.refuse("WithSubscriptionID: %d, allowed are 1 to %d", id, 1<<28-1)
		}
		w.id = id
	}
}

func (w *wish) refuse(format string, values ...any) {
	if w.refused == nil {
		w.refused = fmt.Errorf(format, values...)
	}
}
