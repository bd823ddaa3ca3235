package troupetest

import (
	"slices"
	"sync"
	"time"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/protocol/packet"
)

// Packet is one between a Client and the broker, as a rule of [Broker.Intercept]
// sees it.
type Packet struct {
	Client     string // Client Identifier; empty until CONNECT, or CONNACK if the broker assigned it
	FromClient bool
	Type       packet.Type
	Version    packet.Version // that the Client speaks
	Frame      []byte         // encoded, for the Decode of package packet; must not be changed
}

// Verdict is what becomes of a packet. The zero value hands it on at once. Packets of
// one connection stay in their order, so one that waits holds up those behind
// it in its direction.
type Verdict struct {
	// Drop has it vanish.
	Drop bool
	// Cut cuts the connection, before the packet is handed on.
	Cut bool
	// Connack answers a CONNECT with a Reason Code that is an error, in the place of
	// the broker, which sees nothing of it.
	Connack troupe.ReasonCode
	// Hold keeps it until the channel is closed.
	Hold <-chan struct{}
	// Delay keeps it for so long after it was sent.
	Delay time.Duration
	// BytesPerSecond is how fast it is handed on; 0: at once.
	BytesPerSecond int

	holds []<-chan struct{} // of all rules
}

// rule is one of Intercept.
type rule struct{ judge func(Packet) Verdict }

// Intercept shows each packet to judge, before it is handed on, until end is called.
// Of several that want different things, the packet waits for all, for the longest
// Delay and at the lowest rate; one is enough to drop it or to cut the connection.
// judge is called on goroutines of many connections and must not block. end may be
// called again; a packet that waits then goes on to wait.
func (b *Broker) Intercept(judge func(Packet) Verdict) (end func()) {
	r := &rule{judge}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rules = append(b.rules, r)
	return func() { b.remove(r) }
}

func (b *Broker) remove(r *rule) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rules = slices.DeleteFunc(slices.Clone(b.rules), func(other *rule) bool { return other == r }) // who judges has the old ones
}

// Cut cuts the connections of Clients, or with none of all, in the middle of
// whatever they do: no DISCONNECT, so a Will is published. It returns when the broker
// or a later Wait sees them as gone, with how many there were.
func (b *Broker) Cut(clients ...string) int {
	b.mu.Lock()
	var links []*link
	for l := range b.links {
		if concerns(clients, l.about.ID) {
			links = append(links, l)
		}
	}
	b.mu.Unlock()
	for _, l := range links {
		l.cut()
	}
	return len(links)
}

// Refuse resets each new connection, until end is called. Those that are there stay.
func (b *Broker) Refuse() (end func()) {
	b.change(func() { b.refusing++ })
	return sync.OnceFunc(func() { b.change(func() { b.refusing-- }) })
}

// Answer answers each CONNECT with a Reason Code that is an error, until end is called:
// packet.ServerUnavailable or packet.NotAuthorized, say. Clients of MQTT 3.1.1 get
// the return code that stands for it.
func (b *Broker) Answer(code troupe.ReasonCode, clients ...string) (end func()) {
	return b.Intercept(about(clients, func(Packet) Verdict { return Verdict{Connack: code} }))
}

// Freeze has the broker neither read nor write, until end is called: connections stay
// open, and nothing comes of what Clients send. New ones are accepted and get
// no answer. What waited is handed on at the end.
func (b *Broker) Freeze(clients ...string) (end func()) {
	held := make(chan struct{})
	remove := b.Intercept(about(clients, func(Packet) Verdict { return Verdict{Hold: held} }))
	return sync.OnceFunc(func() {
		remove()
		close(held)
	})
}

// DropAcks drops what the broker acknowledges (PUBACK, PUBREC, PUBCOMP, SUBACK and
// UNSUBACK), until end is called: Clients do not learn that the broker has
// what they sent. They send it again when they have connected again, and to have that
// acknowledged, end this while nobody is connected:
//
//	end := b.DropAcks("c")
//	b.Wait(t, "sensors/#", 1) // it came, and c does not know
//	accept := b.Refuse()
//	b.Cut("c")
//	end()
//	accept()
func (b *Broker) DropAcks(clients ...string) (end func()) {
	return b.Intercept(about(clients, func(p Packet) Verdict { return Verdict{Drop: acknowledges(p)} }))
}

// DelayAcks holds up what the broker acknowledges, and what comes behind it, until end is
// called.
func (b *Broker) DelayAcks(delay time.Duration, clients ...string) (end func()) {
	return b.Intercept(about(clients, func(p Packet) Verdict {
		if !acknowledges(p) {
			return Verdict{}
		}
		return Verdict{Delay: delay}
	}))
}

// Slow makes a slow link: each packet is on its way for delay, and so many bytes a second
// go through it each way, 0: any number. It lasts until end is called.
func (b *Broker) Slow(delay time.Duration, bytesPerSecond int, clients ...string) (end func()) {
	return b.Intercept(about(clients, func(Packet) Verdict { return Verdict{Delay: delay, BytesPerSecond: bytesPerSecond} }))
}

// about restricts a rule to Clients, none: it is for all.
func about(clients []string, judge func(Packet) Verdict) func(Packet) Verdict {
	clients = slices.Clone(clients)
	return func(p Packet) Verdict {
		if !concerns(clients, p.Client) {
			return Verdict{}
		}
		return judge(p)
	}
}

func concerns(clients []string, id string) bool {
	return len(clients) == 0 || slices.Contains(clients, id)
}

func acknowledges(p Packet) bool {
	if p.FromClient {
		return false
	}
	switch p.Type {
	case packet.TypePuback, packet.TypePubrec, packet.TypePubcomp, packet.TypeSuback, packet.TypeUnsuback:
		return true
	}
	return false
}

// judge asks all rules about a packet.
func (b *Broker) judge(l *link, p parcel, up bool) (v Verdict) {
	b.mu.Lock()
	rules, about := b.rules, l.about
	b.mu.Unlock()
	if len(rules) == 0 {
		return v
	}
	seen := Packet{Client: about.ID, FromClient: up, Type: packet.Type(p.frame[0] >> 4), Version: about.Version, Frame: p.frame}
	for _, r := range rules {
		one := r.judge(seen)
		v.Drop, v.Cut, v.Delay = v.Drop || one.Drop, v.Cut || one.Cut, max(v.Delay, one.Delay)
		if !v.Connack.IsError() {
			v.Connack = one.Connack
		}
		if one.Hold != nil {
			v.holds = append(v.holds, one.Hold)
		}
		if one.BytesPerSecond > 0 && (v.BytesPerSecond == 0 || one.BytesPerSecond < v.BytesPerSecond) {
			v.BytesPerSecond = one.BytesPerSecond
		}
	}
	return v
}
