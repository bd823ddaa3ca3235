package session

import (
	"github.com/troupemq/troupe/protocol/packet"
)

// Output collects what one or more calls want done. The caller owns and reuses it: everything is
// appended to, in order, and nothing is ever read back.
type Output struct {
	Packets      []byte               // frames to the Client
	Held         []byte               // frames to the Client, behind Packets, once the next Collect is committed; Dirty then. Not for another connection
	Gate         bool                 // of Attach: from now on all frames have to wait until the next Collect that is not quiet is committed
	Load         *Load                // pages of the store are wanted; answer once with Loaded
	Publish      []*packet.Run        // Application Messages to route, Wills too; answer those with QoS 1 and 2 with Acknowledge
	Subscribe    []SubscribeRequest   // Topic Filters to register; answer each with Subscribed
	Unsubscribe  []UnsubscribeRequest // Topic Filters to forget; answer with Unsubscribed unless the Packet Identifier is 0
	Redistribute []Redistribution     // messages of Shared Subscriptions that this ended Session will not deliver
	Authenticate *AuthStep            // AUTH data to be judged; answer with Authenticated
	Denied       *Denial              // the first of what the Client wanted and may not; Counts has the number
	Close        *Close               // the Network Connection is to be closed once Packets are written
	Wills        bool                 // what is in Publish is the Session's own and not its Client's, who would send it again
	Ended        bool                 // the Session is over: forget it
	Room         *Room                // memory that the caller has for the first of Publish; may be nil
	Lent         *packet.Slab         // what the frames given to Receive are views of, if that is used again; may be nil
	Left         *Left                // set by the caller: what other Sessions leave for this one to let wait; nil: no bound but its own
	Watch        Fate                 // set by the caller: what it wants to hear of in Events
	Events       []Event              // what became of messages for the Client, in order
	Counts       Counts
}

// Left bounds what may wait for one Session because of what waits for all of them together: QoS 1 and 2.
type Left struct {
	Messages int
	Bytes    int64
	// Memory is how many bytes of what waits may be in memory, with QoS 0 too; 0: no bound. A durable Session leaves the rest to the store, and takes it
	// from there when its Client takes something. One that is not has Bytes for it.
	Memory int64
}

// Room is memory for the first Run of an Output and the list that holds it: a host that makes it in
// one piece with the bytes of a message that came alone saves two allocations. It is used up by one
// call and must not be given twice.
type Room struct {
	run  packet.Run
	list [1]*packet.Run
}

// run appends an empty Run to Publish.
func (o *Output) run() *packet.Run {
	if o.Room == nil || o.Publish != nil {
		r := new(packet.Run)
		o.Publish = append(o.Publish, r)
		return r
	}
	room := o.Room
	o.Room = nil
	room.list[0] = &room.run
	o.Publish = room.list[:]
	return &room.run
}

// Reset empties o and keeps the buffers of Packets, Held and Events. The slice of Publish is not reused, because who
// routes shares it out.
func (o *Output) Reset() {
	*o = Output{Packets: o.Packets[:0], Held: o.Held[:0], Events: o.Events[:0]}
}

// swap lets what is written go to Held, and when called again to Packets.
func (o *Output) swap() { o.Packets, o.Held = o.Held, o.Packets }

// Close says why a Network Connection is to be closed.
type Close struct {
	Code     packet.ReasonCode // what the Client was told, or told us
	Err      error             // the violation, nil when there was none
	ByClient bool              // the Client sent DISCONNECT
}

// SubscribeRequest is one SUBSCRIBE packet, without the Topic Filters that were refused at once.
type SubscribeRequest struct {
	PacketID      uint16
	Subscriptions []Subscription
	Codes         []packet.ReasonCode // the QoS to grant for each, for the host to overwrite or to hand back as they are
	Behind        int                 // how many of Output.Publish the Client sent before it
}

// Subscription is a Topic Filter as a Client holds it.
type Subscription struct {
	Filter  string                     // with `$share/name/` when it is shared
	Options packet.SubscriptionOptions // QoS is the granted one
	ID      uint32                     // Subscription Identifier, 0: none
	Shared  bool
	Raise   packet.QoS // the least QoS that messages are sent with; of a bridge alone

	// Replay says that the Retained Messages that match are wanted now. It follows from
	// Retain Handling and from whether the Subscription is new, and holds in a SubscribeRequest only.
	Replay bool

	change uint32 // which change of the table made it
}

// UnsubscribeRequest is one UNSUBSCRIBE packet, or with Packet Identifier 0 the end of the Session.
// It holds the Topic Filters that existed.
type UnsubscribeRequest struct {
	PacketID uint16
	Filters  []string
	After    int // how many of Output.Subscribe come before it
	Behind   int // how many of Output.Publish the Client sent before it
}

// Redistribution is a message of a Shared Subscription that may go to another of its Sessions.
type Redistribution struct {
	Filter string // `$share/name/filter`
	Run    *packet.Run
}

// AuthStep is a step of an exchange of AUTH packets (section 4.12) that the host has to judge. Data is
// a view into the received frame.
type AuthStep struct {
	Method string
	Data   []byte
	Again  bool // re-authentication of a connected Client
	First  bool // the step that begins the exchange
}

// AuthResult is the host's answer to an AuthStep.
type AuthResult struct {
	Code   packet.ReasonCode // Success, ContinueAuthentication, or an error
	Data   []byte            // Authentication Data for the Client
	Reason string            // a Reason String, sent if the Client wants such
}

// Counts are what calls did, to be summed by the caller. Messages are Application Messages per receiver.
type Counts struct {
	Packets              uint64 // Control Packets received
	PublishReceived      uint64 // PUBLISH packets taken in, duplicates not counted
	PublishReceivedBytes uint64 // of their frames
	PublishSent          uint64 // PUBLISH packets written, resent ones too
	PublishSentBytes     uint64
	Answered             uint64 // Control Packets written that are no PUBLISH
	Redelivered          uint64 // of the sent ones, those resent after a reconnect

	DroppedCongested uint64 // QoS 0 for a Client whose connection takes no more
	DroppedOffline   uint64 // QoS 0 for a Client that is away
	DroppedQueueFull uint64 // QoS 1 and 2 at the bound of the queue
	DroppedExpired   uint64 // Message Expiry Interval passed
	DroppedAged      uint64 // waited longer than the queue's Age
	DroppedTooLarge  uint64 // above the Client's Maximum Packet Size [MQTT-3.1.2-25]
	Denied           uint64 // PUBLISH packets and Topic Filters that the Client has no right to, or the host refuses
	Revoked          uint64 // Clients disconnected because they are not let in any more
	DroppedInvalid   uint64 // a QoS 0 PUBLISH with a Topic Name that is not accepted
	DroppedBroken    uint64 // entries that Recover found damaged
	DroppedSwitch    uint64 // a Peer that is gone may have got them, and at most one is to
	DroppedLoop      uint64 // a bridge brought them back
	RefusedByPeer    uint64 // QoS 1 and 2 answered with an error Reason Code
}

// Add sums.
func (c *Counts) Add(d *Counts) {
	c.Packets += d.Packets
	c.PublishReceived += d.PublishReceived
	c.PublishReceivedBytes += d.PublishReceivedBytes
	c.PublishSent += d.PublishSent
	c.PublishSentBytes += d.PublishSentBytes
	c.Answered += d.Answered
	c.Redelivered += d.Redelivered
	c.DroppedCongested += d.DroppedCongested
	c.DroppedOffline += d.DroppedOffline
	c.DroppedQueueFull += d.DroppedQueueFull
	c.DroppedExpired += d.DroppedExpired
	c.DroppedAged += d.DroppedAged
	c.DroppedTooLarge += d.DroppedTooLarge
	c.Denied += d.Denied
	c.Revoked += d.Revoked
	c.DroppedInvalid += d.DroppedInvalid
	c.DroppedBroken += d.DroppedBroken
	c.DroppedSwitch += d.DroppedSwitch
	c.DroppedLoop += d.DroppedLoop
	c.RefusedByPeer += d.RefusedByPeer
}
