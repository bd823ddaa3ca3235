package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/troupemq/troupe/bench/internal/message"
	"github.com/troupemq/troupe/protocol/packet"
)

// extras is how many clients there are besides those that -clients counts.
const extras = 7

// newCast draws up all clients: a third of those that were asked for publish,
// the others subscribe in one of four ways, and a few do what one of them is
// enough for.
func newCast(s settings, l *ledger) (all []*client) {
	add := func(r role, v packet.Version, filters ...packet.TopicFilter) *client {
		c := newClient(s, l, len(all), r, v)
		c.filters = filters
		l.inboxes = append(l.inboxes, c.own)
		all = append(all, c)
		return c
	}
	exact := func(publisher, topic, qos int) packet.TopicFilter {
		return to(topicName(l.root, message.Stream{Publisher: publisher, Topic: topic}), qos)
	}
	every := func(topic, qos int) packet.TopicFilter { return to(l.root+"/+/"+strconv.Itoa(topic), qos) }
	publishers := max(1, s.clients/3)
	for n := range publishers {
		add(role{publishes: true}, version(n))
	}
	for n := range s.clients - publishers {
		one, other := n%publishers, (n*7+3)%publishers
		kind, v := n%4, version(n/4)
		away := role{away: kind%2 == 1}
		if kind < 2 {
			add(away, v, exact(one, 0, 2), exact(other, 1, 1+n/2%2))
		} else {
			add(away, v, every(n/8%2, 2), every(willTopic, 2), exact(one, 1-n/8%2, 1))
		}
	}
	for n := range 2 {
		var filters []packet.TopicFilter
		for p := range min(publishers, 4) {
			filters = append(filters, exact(p, 0, 2), exact(p, 1, 1+p%2))
		}
		add(role{toggles: true}, version(n), filters...)
	}
	group := newInbox("the shared subscription", true, false)
	for n := range 2 {
		c := add(role{shares: true}, version(n), to("$share/crash/"+l.root+"/+/"+strconv.Itoa(sharedTopic), 2))
		c.group, c.leads = group, n == 0
	}
	l.inboxes = append(l.inboxes, group)
	add(role{fleeting: true}, packet.V5, every(0, 2)).own.lasting = false
	add(role{renews: true}, packet.V5, every(1, 2))
	add(role{mortal: true}, packet.V5)
	return all
}

func newClient(s settings, l *ledger, n int, r role, v packet.Version) *client {
	c := &client{
		role: r, number: n, id: fmt.Sprintf("crash-%s-%d", strconv.FormatUint(s.seed, 36), n), version: v, window: s.window,
		ledger: l, chance: rand.New(rand.NewPCG(s.seed, uint64(n))),
		sent: make(map[uint16]*outgoing), asked: make(map[uint16][]string), received: make(map[uint16]message.Message),
	}
	c.own = newInbox(fmt.Sprintf("%s (MQTT %s)", c.id, v), true, true)
	if v == packet.V5 {
		c.peer = newFive(c)
	} else {
		c.peer = newThree(c)
	}
	return c
}

// newReader makes a client that looks at what is retained once.
func newReader(s settings, l *ledger, cycle int) *client {
	c := newClient(s, l, l.clients+cycle, role{renews: true}, version(cycle))
	c.filters = []packet.TopicFilter{to(l.root+"/kept/#", 1+cycle/2%2)}
	return c
}

func to(filter string, qos int) packet.TopicFilter {
	return packet.TopicFilter{Filter: []byte(filter), SubscriptionOptions: packet.SubscriptionOptions{QoS: packet.QoS(qos)}}
}

func version(n int) packet.Version {
	if n%2 == 0 {
		return packet.V5
	}
	return packet.V311
}
