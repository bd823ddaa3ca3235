package troupe

import (
	"github.com/troupemq/troupe/internal/hooks"
	"github.com/troupemq/troupe/protocol/session"
)

// Hooks are functions that a Broker calls while it works, see [WithHooks]. Each
// may be nil. Connect, Subscribe and Publish are asked before something is done
// and may refuse it; the others are told of what was done.
//
// # Where they run
//
// A hook is called on the event loop of its Client, in the turn of the Client's
// session. For one Client that is one call at a time, in the order in which
// things happen; for several Clients it is on several goroutines at once, as
// many as limits.event_loops. All the Clients of that loop wait until the hook
// returns: one that takes a microsecond for each message lets the loop carry
// less than a million messages a second, and one that blocks stops it. So what
// waits for something belongs on a goroutine, and above all what waits for the
// Broker itself: [Broker.Publish] and [Broker.Subscribe] need the loop that the
// hook holds up.
//
// # What they may keep
//
// Strings, and a [Client]. The byte slices of a [Message] are the broker's, must
// not be written to, and are valid until the hook returns: copy what is kept.
// What Publish puts into a Message is copied by the broker.
//
// # When they fail
//
// A panic costs the one call. It is counted ($SYS/broker/hooks/failed) and
// logged with its stack, once a second for each hook at most. What Connect,
// Subscribe or Publish were asked is then refused with Implementation specific
// error (0x83), so that nothing goes through unseen; after a panic of the others
// everything goes on. runtime.Goexit is no panic: it would end the event loop,
// so a test must not call FailNow in a hook.
//
// # Of whom they hear
//
// Of the Clients of this Broker, bridges of other brokers among them. What the
// program itself publishes and subscribes to and what the Broker's own bridges
// carry is not shown. Of a Client that is away, and of one whose Session was
// taken from the store, nothing but Client.ID is known.
type Hooks struct {
	// Connect is asked about a Client that sent CONNECT, before it is
	// authenticated. It is the only hook that sees the password, and may see an
	// empty Client.ID. An error refuses the Client: a [*Refusal] with its
	// Reason Code, any other with Unspecified error (0x80). It runs on the loop
	// that accepted the connection, whichever that is.
	Connect func(c Client) error

	// Authenticated is told of a Client that was let in: nobody refused it. It
	// runs where Connect does.
	Authenticated func(c Client)

	// Connected is told that a Client has its Session and its CONNACK is on the
	// way. present is Session Present: the Session was there before. For each
	// call there is one of Disconnected.
	Connected func(c Client, present bool)

	// Disconnected is told of the end of the Network Connection. What the Client
	// is sent from now on waits, or is dropped.
	Disconnected func(c Client, why Disconnection)

	// Subscribe is asked about each Topic Filter of a SUBSCRIBE that is valid and
	// that the Client has the right to. It may lower f.QoS; other changes have no
	// effect. An error refuses the Topic Filter: a [*Refusal] with its Reason
	// Code if a SUBACK can have it, and its Reason, any other with Unspecified
	// error (0x80).
	// Subscriptions that a Session has kept are not asked about again.
	Subscribe func(c Client, f *TopicFilter) error

	// Subscribed is told that a subscription is in place: what is published from
	// now on comes. It may be one that the Session had, with other options.
	Subscribed func(c Client, f TopicFilter)

	// Unsubscribed is told that a subscription has ended, by UNSUBSCRIBE or
	// because the Client has no right to it any more. With the Session all
	// end, and are not told of one by one.
	Unsubscribed func(c Client, filter string)

	// Publish is shown each message of a Client before it goes to its receivers,
	// is retained, or is acknowledged: once for each message that is accepted
	// otherwise, so not for one with QoS 2 that the Client sends again, nor for
	// one that it has no right to. A Will is shown when it is published; whoever
	// had the connection is then away.
	//
	// Publish may change m: topic, payload, Retain, and properties. QoS and
	// SubscriptionIDs stay as they are. Properties reach subscribers with MQTT 5
	// also if the Client has an older version. Permissions are not asked about a
	// topic that it sets.
	//
	// An error refuses m. With QoS 0 it is dropped; with QoS 1 and 2 the Client
	// is told: by a [*Refusal] with its Reason Code if a PUBACK can have it, and
	// its Reason, by any other with Unspecified error (0x80). A Client before MQTT 5 cannot be
	// told: with Not authorized (0x87) its message is acknowledged and dropped;
	// with any other code its connection is closed, and it will send the message
	// again. A Will is dropped. What cannot be published, a wildcard in the topic
	// say, is refused with Implementation specific error (0x83).
	//
	// With this hook messages are looked at one by one that would go through the
	// broker in batches otherwise.
	Publish func(c Client, m *Message) error

	// Delivered is told that a message was handed over to be sent to the Client:
	// m is as the Client gets it. It comes once for each attempt; with again the
	// message was sent on an earlier connection (DUP). Whether it arrives is not
	// known, but for Acknowledged. With durability: disk or process it may be a
	// moment before that is committed which the message has to wait for.
	Delivered func(c Client, m *Message, again bool)

	// Acknowledged is told that the Client has answered a message with QoS 1 or
	// 2: by PUBACK or PUBREC, after which it is the Client's. code may be an
	// error: the Client has refused it. It comes once for each message; not for
	// one that was sent before a restart of the broker, is acknowledged before
	// it was sent again, and was not read from the store yet.
	Acknowledged func(c Client, m *Message, code ReasonCode)

	// Dropped is told that a message which had come to the Client's Session will
	// not be sent to it, or not again. Of an expired message it is told when
	// that is noticed, at the latest when the Client or the Session's end comes.
	//
	// Not told, but counted: what a program's own subscription drops, retained
	// messages for which there is no room, and what was found damaged. Messages
	// that only the store has when the Session ends are neither.
	Dropped func(c Client, m *Message, why DropReason)

	// SessionEnded is told that a Session is over, whether its Client was
	// connected or not. It is not told when the Broker shuts down, for Sessions
	// that outlive it. It is the last that is told of the Session; of one that is
	// replaced it may come after Connected of the one that follows.
	SessionEnded func(clientID string, why SessionEnd)
}

// WithHooks calls the functions of h. It may be given several times: all are
// called, in this order. What one Publish or Subscribe has changed is shown to
// the next; the first error counts, and the rest is not asked.
func WithHooks(h Hooks) Option {
	return func(b *Broker) { b.hooks = append(b.hooks, h) }
}

// TopicFilter is a Topic Filter as a Client subscribes to it (section 3.8.3).
//
//	type TopicFilter struct {
//		Name              string // with $share/name/ when it is shared
//		QoS               QoS    // the most that messages come with
//		NoLocal           bool   // what the Client publishes itself does not come
//		RetainAsPublished bool   // Retain is as the publisher set it
//		RetainHandling    uint8  // retained messages come 0: at once, 1: if the subscription is new, 2: not
//		ID                uint32 // Subscription Identifier; 0: none
//	}
type TopicFilter = hooks.Filter

// Disconnection is how a Network Connection ended.
//
//	type Disconnection struct {
//		Code     ReasonCode // of the DISCONNECT; of a Client before version 5.0, what it would have said
//		ByClient bool       // the Client sent it, and not the Broker
//		Lost     bool       // nobody did: the Network Connection was closed or broke
//		Err      error      // the violation or fault behind it; nil: there was none
//	}
type Disconnection = hooks.Disconnection

// DropReason is why a message was dropped.
//
//	func (r DropReason) String() string
type DropReason = session.Cause

// The reasons for which messages are dropped.
const (
	DropCongested    = session.Congested // QoS 0, and the Client does not read fast enough
	DropOffline      = session.Offline   // QoS 0, and the Client is away
	DropQueueFull    = session.QueueFull // QoS 1 or 2, at session.queue.max_messages or max_bytes
	DropExpired      = session.Expired   // Message Expiry Interval
	DropAged         = session.Aged      // session.queue.max_age
	DropTooLarge     = session.TooLarge  // above the Client's Maximum Packet Size
	DropSessionEnded = session.Ended     // not acknowledged when the Session ended
)

// SessionEnd is why a Session is over.
//
//	func (e SessionEnd) String() string
type SessionEnd = hooks.End

// The ends of Sessions.
const (
	SessionExpired  = hooks.Expired  // the Client did not come back within the Session Expiry Interval
	SessionClosed   = hooks.Closed   // its Session Expiry Interval is 0: it ends with its connection
	SessionReplaced = hooks.Replaced // the Client has connected with Clean Start
	SessionRemoved  = hooks.Removed  // somebody who may has ended it
)
