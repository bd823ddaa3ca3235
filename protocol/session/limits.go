package session

import "github.com/troupemq/troupe/protocol/packet"

// NoExpiry is the Session Expiry Interval of a Session that does not expire (section 3.1.2.11.2).
const NoExpiry = 0xFFFFFFFF

// Limits are what a Server allows a Session. They are shared by many Sessions and must not change.
type Limits struct {
	ReceiveMaximum    uint16 // QoS 1 and 2 messages a Client may have unacknowledged towards us; 0: 65,535
	MaxInflight       uint16 // messages we have unacknowledged towards a Client, at most its own Receive Maximum; 0: 65,535
	TopicAliasMaximum uint16 // aliases a Client may set, and the most that we set towards it; 0: none
	MaxPacketSize     uint32 // bytes of the largest packet a Client may send; 0: what the protocol can carry

	MaxQoS          packet.QoS // the highest QoS a Client may publish with, and the highest granted
	RetainAvailable bool       // whether RETAIN may be set

	ServerKeepAlive uint16 // seconds, imposed on every Client of version 5; 0: the Client's own
	ExpiryMaximum   uint32 // seconds a Session outlives its connection at most; NoExpiry: no bound
	TopicLevels     int    // levels of a Topic Name or Topic Filter at most; 0: no bound
	TopicBytes      int    // bytes of a Topic Name or Topic Filter at most; 0: no bound

	// Instance tells this Server from others, for the User Property [ViaProperty] of what a bridge brings; empty: nothing is looked for.
	Instance string
	// Bridge says that the Session is that of a bridge: what the Peer has received is kept until the Peer has acknowledged that finally, since another
	// may have to get it.
	Bridge bool

	Queue QueueLimits

	pages pageLimits
}

// pageLimits are the sizes of what a durable Session writes and reads at a time; 0: the usual.
type pageLimits struct {
	page int   // bytes of frames from which a page is full
	keep int64 // bytes of frames that wait in memory for a Client that is connected
	low  int   // messages that wait in memory below which more are loaded
}

// Portion sets how much a durable Session writes and reads at a time, so that a test sees all of it happen with few messages: a page
// is full with so many bytes, so many bytes are kept in memory for a Client that is connected, and more is loaded below so many messages.
func (l *Limits) Portion(page int, keep int64, low int) {
	l.pages = pageLimits{page: page, keep: keep, low: low}
}

// QueueLimits bound what waits for a Client that is away or slow.
type QueueLimits struct {
	Messages  int   // 0: no bound
	Bytes     int64 // bytes of PUBLISH frames; 0: no bound
	Age       int64 // milliseconds; what waited longer is dropped; 0: no bound
	Overflow  Overflow
	Patience  int64 // milliseconds; how long Strained asks for slower publishers while the Client takes nothing; 0: never
	QoS0Bytes int64 // bytes of QoS 0 frames that wait for a congested connection; 0: none wait
}

// Overflow says what gives way when a queue is at its bound.
type Overflow uint8

const (
	// DropOldest drops what waited longest.
	DropOldest Overflow = iota
	// DropNewest drops what arrives.
	DropNewest
	// Reject asks the host to look at Full before it routes and to answer the publisher with
	// Quota exceeded. What arrives all the same is taken up to twice the bound, then dropped.
	Reject
	// Slow takes all that arrives. From the bound on, until a quarter of it is free, the host is asked to hold those up who publish (Strained),
	// whether a Client is there or not.
	Slow
)

func (l *Limits) pageBytes() int { return usual(l.pages.page, 128<<10) }

func (l *Limits) keepBytes() int64 { return usual(l.pages.keep, 256<<10) }

func (l *Limits) loadLow() int { return usual(l.pages.low, 256) }

func usual[T int | int64](n, usual T) T {
	if n == 0 {
		return usual
	}
	return n
}

// tooLong tells whether a Topic Name or Topic Filter is beyond the bounds.
func (l *Limits) tooLong(name []byte) bool {
	return l.TopicLevels > 0 && levels(name) > l.TopicLevels || l.TopicBytes > 0 && len(name) > l.TopicBytes
}

func (l *Limits) receiveMaximum() int {
	if l.ReceiveMaximum == 0 {
		return 65535
	}
	return int(l.ReceiveMaximum)
}

func (l *Limits) maxInflight() int {
	if l.MaxInflight == 0 {
		return 65535
	}
	return int(l.MaxInflight)
}

// Outlives tells whether a Session of the Client that sends c outlives the connection.
func (l *Limits) Outlives(c *packet.Connect) bool {
	if c.Version == packet.V5 {
		return l.expiry(c.SessionExpiry) > 0
	}
	return !c.CleanStart && l.ExpiryMaximum > 0
}

// expiry caps a Session Expiry Interval, in seconds.
func (l *Limits) expiry(wanted uint32) uint32 { return min(wanted, l.ExpiryMaximum) }
