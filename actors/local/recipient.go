package local

import (
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/eventstream"
)

// How long a recipient whose window is full may be silent before it is asked
// again: at first, doubled each time, and at most. Somebody may drop messages
// of its mailbox.
const (
	askAgain     = time.Second
	askAgainMost = time.Minute
)

// Recipient is an actor of the program that gets messages, no more at a time
// than fit into a window: those that it was sent and has not yet received, or
// answered. To the actor it is the sender of the messages.
//
// It is no actor itself but a Process in the program's actor system, as a future
// is: what comes back to it is counted, and nobody has to take a turn for that.
type Recipient struct {
	actors  *actor.ActorSystem
	root    *actor.RootContext
	pid     *actor.PID
	self    *actor.PID
	window  uint32
	answers bool
	ended   func() // called once if the actor ends
	watch   *eventstream.Subscription

	mu     sync.Mutex
	sent   uint32        // messages, ever
	done   uint32        // of them, those that are received or answered
	asked  uint32        // the number of sent when it was last asked how far it is
	gone   chan struct{} // closed with the actor, or when the Recipient is
	room   chan struct{} // has a value when done has changed
	closed bool
}

// NewRecipient makes a Recipient for an actor that is known in actors. window
// is at least 1. With answers a message leaves the window when the actor answers
// it, otherwise when the actor has received it. ended is called if the actor
// ends, on any goroutine; it must not block.
func NewRecipient(actors *actor.ActorSystem, root *actor.RootContext, pid *actor.PID, window int, answers bool, ended func()) *Recipient {
	r := &Recipient{
		actors: actors, root: root, pid: pid, window: uint32(window), answers: answers, ended: ended,
		gone: make(chan struct{}), room: make(chan struct{}, 1),
	}
	r.self, _ = actors.ProcessRegistry.Add(r, "subscription"+actors.ProcessRegistry.NextId())
	root.Send(r.self, known{}) // it remembers whom it leads to: who answers too late comes here all the same, and not into the program's log
	if answers {
		r.watch = actors.EventStream.Subscribe(r.event)
	}
	r.tell(&actor.Watch{Watcher: r.self})
	return r
}

// known is sent once, and says nothing.
type known struct{}

func (r *Recipient) tell(message any) {
	if process, ok := r.actors.ProcessRegistry.Get(r.pid); ok {
		process.SendSystemMessage(r.pid, message)
	} else {
		r.end()
	}
}

// Deliver sends the actor a message when the window has room for it. It returns
// false when the actor has ended, or the subscription has, which ends tells. One
// goroutine calls it.
func (r *Recipient) Deliver(message any, ends <-chan struct{}) bool {
	wait := askAgain
	for {
		r.mu.Lock()
		if r.closed {
			r.mu.Unlock()
			return false
		}
		if r.sent-r.done < r.window {
			r.sent++
			ask := !r.answers && r.sent-r.asked >= (r.window+1)/2
			if ask {
				r.asked = r.sent
			}
			r.mu.Unlock()
			r.root.RequestWithCustomSender(r.pid, message, r.self)
			if ask {
				r.ask()
			}
			return true
		}
		r.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-r.room:
		case <-r.gone:
		case <-ends:
			timer.Stop()
			return false
		case <-timer.C:
			wait = min(2*wait, askAgainMost)
			if !r.answers {
				r.ask()
			}
		}
		timer.Stop()
	}
}

// ask has the actor say when it has come so far. The number of the message is
// in the PID that it answers to.
func (r *Recipient) ask() {
	to := &actor.PID{Address: r.self.Address, Id: r.self.Id, RequestId: r.sent}
	r.root.RequestWithCustomSender(r.pid, &actor.Touch{}, to)
}

// SendUserMessage implements actor.Process: the actor has answered.
func (r *Recipient) SendUserMessage(to *actor.PID, message any) {
	if _, ok := message.(known); ok {
		return
	}
	if r.answers {
		r.progress(func() uint32 { return r.done + 1 })
		return
	}
	if _, come := actor.UnwrapEnvelopeMessage(message).(*actor.Touched); come {
		r.progress(func() uint32 { return to.GetRequestId() })
	}
}

// event hears of failures of the actor: the message is gone, and nobody will
// answer it.
func (r *Recipient) event(event any) {
	if e, ok := event.(*actor.SupervisorEvent); ok && e.Child != nil && r.pid.Equal(e.Child) {
		r.progress(func() uint32 { return r.done + 1 })
	}
}

// progress notes how many messages are done.
func (r *Recipient) progress(done func() uint32) {
	r.mu.Lock()
	if d := done(); d-r.done <= r.sent-r.done { // neither behind nor ahead of what was sent; the numbers may wrap
		r.done = d
	}
	r.mu.Unlock()
	select {
	case r.room <- struct{}{}:
	default:
	}
}

// SendSystemMessage implements actor.Process: the actor has ended.
func (r *Recipient) SendSystemMessage(_ *actor.PID, message any) {
	if _, ok := message.(*actor.Terminated); ok {
		r.end()
	}
}

// Stop implements actor.Process. Nobody but its subscription ends a Recipient.
func (r *Recipient) Stop(*actor.PID) {}

func (r *Recipient) end() {
	if r.leave() {
		r.ended()
	}
}

// Close takes leave of the actor, which is sent nothing more. From any
// goroutine.
func (r *Recipient) Close() {
	if r.leave() {
		if process, ok := r.actors.ProcessRegistry.Get(r.pid); ok {
			process.SendSystemMessage(r.pid, &actor.Unwatch{Watcher: r.self})
		}
	}
}

// leave takes the Recipient out of the program's actor system, once.
func (r *Recipient) leave() (first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.closed = true
	close(r.gone)
	r.actors.ProcessRegistry.Remove(r.self)
	if r.watch != nil {
		r.actors.EventStream.Unsubscribe(r.watch)
	}
	return true
}
