package troupetest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/troupemq/troupe/protocol/packet"
)

// Client is one that is connected.
type Client struct {
	ID       string // Client Identifier, also if the broker assigned it
	Username string
	Version  packet.Version
	// Filters are the Topic Filters of its Session, sorted, shared ones with $share/name/.
	Filters []string
}

// Clients are those that are connected, sorted by Client Identifier: they
// got a CONNACK that let them in.
func (b *Broker) Clients() []Client {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.clients()
}

func (b *Broker) clients() (all []Client) {
	for l := range b.links {
		if l.connected {
			c := l.about
			c.Filters = slices.Sorted(maps.Keys(b.filters[c.ID]))
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(x, y Client) int { return cmp.Compare(x.ID, y.ID) })
	return all
}

// WaitConnected waits until a Client is connected, "": any, and returns it. The
// broker has let it in then; its library may know a moment later.
func (b *Broker) WaitConnected(t TB, client string) (found Client) {
	t.Helper()
	b.await(t, func() bool { return b.find(client, &found) }, func() string {
		return fmt.Sprintf("%s is not connected; connected are: %s", named(client), list("none", b.clients()))
	})
	return found
}

// WaitDisconnected waits until a Client is not connected, "": none is.
func (b *Broker) WaitDisconnected(t TB, client string) {
	t.Helper()
	var found Client
	b.await(t, func() bool { return !b.find(client, &found) }, func() string {
		return fmt.Sprintf("client %q is still connected", found.ID)
	})
}

// WaitSubscribed waits until a Client, "": any, is connected and has a Subscription
// with the Topic Filter, which the broker has granted: what is published from then
// on it gets.
func (b *Broker) WaitSubscribed(t TB, client, filter string) {
	t.Helper()
	b.await(t, func() bool {
		return slices.ContainsFunc(b.clients(), func(c Client) bool {
			return (client == "" || c.ID == client) && slices.Contains(c.Filters, filter)
		})
	}, func() string {
		return fmt.Sprintf("%s is not subscribed to %q; connected are: %s", named(client), filter, list("none", b.clients()))
	})
}

func (b *Broker) find(client string, found *Client) bool {
	for _, c := range b.clients() {
		if client == "" || c.ID == client {
			*found = c
			return true
		}
	}
	return false
}

func named(client string) string {
	if client == "" {
		return "a client"
	}
	return fmt.Sprintf("client %q", client)
}

// asked notes what a packet of the Client asks for.
func (l *link) asked(frame []byte) {
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	version := l.about.Version
	switch packet.Type(frame[0] >> 4) {
	case packet.TypeConnect:
		var p packet.Connect
		if p.Decode(frame) == nil {
			l.about = Client{ID: string(p.ClientID), Username: string(p.Username), Version: p.Version}
		}
	case packet.TypeSubscribe:
		var p packet.Subscribe
		if p.Decode(frame, version) == nil {
			l.wanted[p.PacketID] = nil
			for _, f := range p.Filters {
				l.wanted[p.PacketID] = append(l.wanted[p.PacketID], string(f.Filter))
			}
		}
	case packet.TypeUnsubscribe:
		var p packet.Unsubscribe
		if p.Decode(frame, version) == nil {
			l.wanted[p.PacketID] = nil
			for _, f := range p.Filters {
				l.wanted[p.PacketID] = append(l.wanted[p.PacketID], string(f))
			}
		}
	}
}

// answers tells whether a packet of the broker may grant something.
func answers(frame []byte) bool {
	switch packet.Type(frame[0] >> 4) {
	case packet.TypeConnack, packet.TypeSuback, packet.TypeUnsuback:
		return true
	}
	return false
}

// granted notes what a packet of the broker grants.
func (l *link) granted(frame []byte) {
	id, version := l.about.ID, l.about.Version
	switch packet.Type(frame[0] >> 4) {
	case packet.TypeConnack:
		var p packet.Connack
		if p.Decode(frame, version) != nil || p.Code.IsError() {
			return
		}
		if p.AssignedClientID != nil {
			id = string(p.AssignedClientID)
			l.about.ID = id
		}
		l.connected = true
		if !p.SessionPresent || l.b.filters[id] == nil {
			l.b.filters[id] = make(map[string]bool)
		}
	case packet.TypeSuback:
		var p packet.Suback
		if p.Decode(frame, version) != nil {
			return
		}
		for i, filter := range l.take(p.PacketID, len(p.Codes)) {
			if !p.Codes[i].IsError() {
				l.b.filters[id][filter] = true
			}
		}
	case packet.TypeUnsuback:
		var p packet.Unsuback
		if p.Decode(frame, version) != nil {
			return
		}
		for _, filter := range l.take(p.PacketID, len(l.wanted[p.PacketID])) {
			delete(l.b.filters[id], filter)
		}
	}
}

// take is what was asked for with a Packet Identifier, at most n.
func (l *link) take(id uint16, n int) []string {
	filters := l.wanted[id]
	delete(l.wanted, id)
	return filters[:min(n, len(filters))]
}
