package message

import (
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
	"github.com/troupemq/troupe/protocol/topic"
)

// Mailbox is where publishers leave what is for a receiver: its own mailbox,
// without the way over its PID. Safe for any goroutine.
type Mailbox interface {
	// Post never blocks, and tells how many messages wait now. What comes for
	// an actor that has ended is dropped.
	Post(message any) (waiting int)
	// UserMessageCount tells how many messages wait.
	UserMessageCount() int
	// Warm reads what a Post will need and does nothing with it. Who is about to
	// post into many mailboxes lets the processor fetch them side by side.
	Warm()
}

// Receiver is what the topic index holds of one subscriber. The subscriber
// writes the two flags, publishers read them: like a shard's snapshot, a
// single writer's view for many readers.
type Receiver struct {
	ID      uint64 // unique in the instance, never reused
	Mailbox Mailbox

	// Durable says that what comes with QoS 1 and 2 is to be written before it is
	// acknowledged. It is set before the first subscription and never changes.
	Durable bool
	// Program says that it is a subscription of the embedding program. It never
	// changes.
	Program bool
	// Bridge says that it is the Session of a bridge, and Remote that what it gets
	// with QoS 1 and 2 is acknowledged once the upstream has acknowledged it. They
	// are set before the first subscription; Remote may change with a reload.
	Bridge bool
	Remote atomic.Bool

	Online atomic.Bool // has a Network Connection; shared subscriptions prefer these
	Full   atomic.Bool // its queue is to take no more QoS 1 and 2: publishers are refused if that is the policy, otherwise slowed down
}

// Subscription is an entry of the topic index.
type Subscription struct {
	*Receiver
	Terms   *session.Terms // of a message that matches no other subscription of the receiver
	ID      uint32         // Subscription Identifier, 0: none
	Options packet.SubscriptionOptions
}

// Index is one shard's topic index.
type Index = topic.Index[Subscription]

// Subscribe asks a shard to add subscriptions, or with Remove to delete them.
// The shard answers with [Subscribed] after its snapshot holds the change.
// Sending it again does no harm: that is how a restarted shard catches up.
type Subscribe struct {
	Receiver   *Receiver
	Subscriber *actor.PID // who is answered
	Token      uint64     // comes back in the answer
	Remove     bool
	Filters    []Filter
}

// Filter is one Topic Filter of a [Subscribe].
type Filter struct {
	Name    string // as the Client wrote it, with $share/…
	ID      uint32 // Subscription Identifier, 0: none
	Options packet.SubscriptionOptions
	Replay  bool       // retained messages are wanted
	Raise   packet.QoS // the least QoS that messages are sent with, for bridges
}

// Subscribed tells a subscriber that a shard has done what Token named.
type Subscribed struct {
	Shard int
	Token uint64
}

// Resubscribe asks every subscriber to send again what the shard has not
// confirmed: the shard's actor failed and may have lost it.
type Resubscribe struct {
	Shard int
}

// Replay asks a retained actor for retained messages, a slice at a time: the
// answer is [Retained] with the Replay to send back for the next slice. All
// state of the replay travels with it, so nobody has to clean up after a
// subscriber that went away.
type Replay struct {
	Subscriber *actor.PID
	Retained   *actor.PID // whom to ask
	Filter     string
	Terms      *session.Terms
	Position   any // where the retained actor goes on; nil: at the start
}

// Retained brings one slice of a replay. Next is nil when it was the last.
type Retained struct {
	Filter string // of the subscription
	Runs   []*packet.Run
	Terms  *session.Terms
	Next   *Replay
}
