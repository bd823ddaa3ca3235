// Package hooks is what an instance asks and tells the program that embeds it
// while it works: the functions in the form in which actors call them. It knows
// no Client and keeps nothing.
package hooks

import (
	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// Hooks are functions of the program, each of which may be nil: then it is not
// called. A nil *Hooks has none. They are called in the turn of an actor, so
// they must not block and must not panic.
type Hooks struct {
	// Connect is asked about a CONNECT before its Client is authenticated; an
	// error refuses it, as one of an Authenticator does.
	Connect func(c auth.Client) error
	// Authenticated is told of a Client that was let in.
	Authenticated func(c auth.Client)
	// Connected is told of a Client that has its Session now; present says that
	// it had it before.
	Connected func(c auth.Client, present bool)
	// Disconnected is told of the end of each Network Connection that Connected
	// was told of.
	Disconnected func(c auth.Client, why Disconnection)
	// Subscribe is asked about a Topic Filter that the Client has the right to;
	// it answers as [session.Policy.Grant] does.
	Subscribe func(c auth.Client, s *session.Subscription) (code packet.ReasonCode, reason string)
	// Subscribed and Unsubscribed are told what holds for publishers from now on.
	Subscribed   func(c auth.Client, f Filter)
	Unsubscribed func(c auth.Client, filter string)
	// Publish is shown what the Client publishes, as [session.Policy.Change] is.
	Publish func(c auth.Client, p *packet.Publish) (changed bool, code packet.ReasonCode, reason string)
	// Delivered, Acknowledged and Dropped are told what [session.Event] has. The
	// message is valid until they return.
	Delivered    func(c auth.Client, p *packet.Publish)
	Acknowledged func(c auth.Client, p *packet.Publish, code packet.ReasonCode)
	Dropped      func(c auth.Client, p *packet.Publish, cause session.Cause)
	// SessionEnded is told of each Session that is over.
	SessionEnded func(clientID string, why End)
}

// Filter is a Topic Filter that a Client subscribes to.
type Filter struct {
	Name              string // with `$share/name/` when it is shared
	QoS               packet.QoS
	NoLocal           bool
	RetainAsPublished bool
	RetainHandling    uint8
	ID                uint32 // Subscription Identifier; 0: none
}

// FilterOf is the Topic Filter with its options.
func FilterOf(name string, o packet.SubscriptionOptions, id uint32) Filter {
	return Filter{
		Name: name, QoS: o.QoS, NoLocal: o.NoLocal, RetainAsPublished: o.RetainAsPublished,
		RetainHandling: o.RetainHandling, ID: id,
	}
}

// Disconnection is how a Network Connection ended.
type Disconnection struct {
	Code     packet.ReasonCode // of the DISCONNECT; of a Client before version 5.0, what it would have said
	ByClient bool              // the Client sent it, and not the broker
	Lost     bool              // nobody did: the Network Connection was closed or broke
	Err      error             // the violation or fault behind it; nil: there was none
}

// End is why a Session is over.
type End uint8

const (
	// Expired is a Session whose Client did not come back within the Session
	// Expiry Interval.
	Expired End = iota
	// Closed is one that ends with its Network Connection.
	Closed
	// Replaced is one whose Client has connected with Clean Start.
	Replaced
	// Removed is one that was ended by decision of the host.
	Removed
)

func (e End) String() string {
	switch e {
	case Expired:
		return "expired"
	case Closed:
		return "closed with its connection"
	case Replaced:
		return "replaced by Clean Start"
	case Removed:
		return "removed"
	}
	return "unknown"
}

// Watch is what sessions have to tell of messages.
func (h *Hooks) Watch() (w session.Fate) {
	if h == nil {
		return 0
	}
	if h.Delivered != nil {
		w |= session.Delivered
	}
	if h.Acknowledged != nil {
		w |= session.Acknowledged
	}
	if h.Dropped != nil {
		w |= session.Dropped
	}
	return w
}

// Tell passes on what became of messages for a Client.
func (h *Hooks) Tell(c auth.Client, e *session.Event) {
	for p := range e.Messages() {
		switch e.Fate {
		case session.Delivered:
			h.Delivered(c, p)
		case session.Acknowledged:
			h.Acknowledged(c, p, e.Code)
		case session.Dropped:
			h.Dropped(c, p, e.Cause)
		}
	}
}

// Govern adds what the hooks have to say about what a Client does to a Policy,
// which is made if it is needed.
func (h *Hooks) Govern(p *session.Policy, c auth.Client) *session.Policy {
	if h == nil || h.Publish == nil && h.Subscribe == nil {
		return p
	}
	if p == nil {
		p = new(session.Policy)
	}
	if h.Publish != nil {
		p.Change = func(m *packet.Publish) (bool, packet.ReasonCode, string) { return h.Publish(c, m) }
	}
	if h.Subscribe != nil {
		p.Grant = func(s *session.Subscription) (packet.ReasonCode, string) { return h.Subscribe(c, s) }
	}
	return p
}
