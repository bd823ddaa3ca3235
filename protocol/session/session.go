package session

import (
	"iter"

	"github.com/troupemq/troupe/protocol/packet"
)

// Session is the state of one Client, which may outlive its Network Connections.
//
// What a store has of it is in ledger.
//
// Invariants: rare has no aliases and no auth while no Client is attached; messages wait in queue only
// while the window is full, the connection congested, or the Client away; messages wait in qos0
// only while the connection is congested.
type Session struct {
	clientID string
	limits   *Limits
	subs     *subscriptions // nil: none
	pending  *answer        // SUBACK and UNSUBACK that are owed, oldest first

	in    *inbound // messages of the Client that are not finally acknowledged
	out   *window  // messages to the Client that it has not finally acknowledged
	queue *queue   // QoS 1 and 2 for which the window has no room
	qos0  *queue   // QoS 0 for which the connection has no room

	rare   *rare   // what most Clients never use
	ledger *ledger // nil: the Session is not durable

	endAt int64  // Unix ms when the Session expires; 0: not while attached, or never
	ageAt int64  // Unix ms when buffers are looked through; 0: there are none
	order uint64 // numbers what enters queue and qos0

	changes   uint32 // numbers changes of subs
	expiry    uint32 // seconds, capped by the Server
	maxPacket uint32 // bytes of the largest packet that the Client takes
	window    uint16 // messages in flight at most
	aliasMax  uint16 // aliases that the Client takes
	keepAlive uint16 // seconds
	nextID    uint16 // the Packet Identifier of the next message

	state     state
	version   packet.Version
	congested bool
	known     bool // a Client was attached before
	transient bool // the CONNECT asked for a Session Expiry Interval of 0
	problems  bool // the Client wants Reason Strings on every packet that can have one
	strained  bool // the last answer of Strained
	bridge    bool // the Client is a bridge of a version before 5.0
	guarded   bool // the Client is a bridge: what it brings may have been here
	once      bool // no message may come to two Peers: the store has to know of it before it is sent
}

// rare is what few Clients use.
type rare struct {
	will    *packet.Will // published when the connection ends, unless DISCONNECT takes it away
	willAt  int64        // Unix ms when the delayed Will is due; 0: none waits
	auth    *authentication
	aliases *aliases
	replay  *replay
	peers   *peers
	policy  *Policy // for this connection
}

// seldom gives the place of what few Clients use, to be written to. Whoever takes away what was there calls tidy.
func (s *Session) seldom() *rare {
	if s.rare == nil {
		s.rare = new(rare)
	}
	return s.rare
}

// unusual reads what few Clients use.
func (s *Session) unusual() rare {
	if s.rare == nil {
		return rare{}
	}
	return *s.rare
}

func (s *Session) tidy() {
	if s.unusual() == (rare{}) {
		s.rare = nil
	}
}

type state uint8

const (
	away     state = iota // no Network Connection
	attached              // a Client is connected and has its CONNACK
	closing               // the connection is to be closed: nothing is read or written any more
	ended
)

// New makes the Session of a Client that was never connected. Limits are shared and not copied.
func New(clientID string, limits *Limits) *Session {
	s := new(Session)
	s.Init(clientID, limits)
	return s
}

// Init is New for a Session that is a part of something.
func (s *Session) Init(clientID string, limits *Limits) {
	*s = Session{clientID: clientID, limits: limits, nextID: 1}
}

// ClientID is the Client Identifier.
func (s *Session) ClientID() string { return s.clientID }

// Attached says whether a Client is connected, and its connection not about to be closed.
func (s *Session) Attached() bool { return s.state == attached }

// Known says whether a Client was attached before, on this or an earlier connection.
func (s *Session) Known() bool { return s.known }

// Ended says whether the Session is over.
func (s *Session) Ended() bool { return s.state == ended }

// KeepAlive is the Keep Alive in force, in seconds; 0: none. The host closes the connection after
// one and a half times of it without a packet [MQTT-3.1.2-22].
func (s *Session) KeepAlive() uint16 { return s.keepAlive }

// Subscriptions are those of the Client, in no order. Replay is not set.
func (s *Session) Subscriptions() iter.Seq[Subscription] { return s.subs.all() }

// Has tells whether the Client has a Subscription with a Topic Filter.
func (s *Session) Has(filter string) bool {
	_, ok := s.subs.find(filter)
	return ok
}

// Backlog is what waits to be sent, in messages and bytes of their frames. What is in flight is not part of it.
func (s *Session) Backlog() (messages int, bytes int64) {
	messages, bytes = s.waiting()
	if q := s.qos0; q != nil {
		messages += q.messages
		bytes += q.bytes
	}
	return messages, bytes
}

// Inflight is how many messages were sent to the Client, on this connection or an earlier one, and
// are not finally acknowledged.
func (s *Session) Inflight() int {
	if s.out == nil {
		return 0
	}
	return s.out.used
}

// Full says that the queue is at its bound and that its policy is to reject: who publishes to this
// Session with QoS 1 or 2 is to be answered with Quota exceeded.
func (s *Session) Full() bool {
	l := &s.limits.Queue
	if l.Overflow != Reject {
		return false
	}
	messages, bytes := s.waiting()
	return messages > 0 && (l.Messages > 0 && messages >= l.Messages || l.Bytes > 0 && bytes >= l.Bytes)
}

// open says whether messages may be written now.
func (s *Session) open() bool { return s.state == attached && !s.congested }

// Congest tells whether the Network Connection takes more. While it does not, messages wait;
// acknowledgements are written all the same, for they are small and the Client's own sending bounds them.
func (s *Session) Congest(on bool, now int64, out *Output) {
	s.congested = on
	if !on {
		s.drain(now, out)
	}
}
