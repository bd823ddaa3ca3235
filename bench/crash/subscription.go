package main

import (
	"strings"

	"github.com/troupemq/troupe/protocol/packet"
)

// state is whether there is a subscription.
type state int

const (
	denied  state = iota // there is none, and the broker has said so
	unknown              // something was asked for, and has not been answered
	granted              // there is one, and the broker has said so
)

// standing is what a subscriber has of a topic.
type standing struct {
	is  state
	qos packet.QoS
}

// subscription is the story of one Topic Filter of one subscriber.
type subscription struct {
	filter  string // without the name of a share
	qos     packet.QoS
	changes []change // in their order
}

type change struct {
	at uint64 // a time of the ledger
	to state
}

func (s *subscription) change(at uint64, to state) {
	s.changes = append(s.changes, change{at, to})
}

func (s *subscription) current() state {
	if len(s.changes) == 0 {
		return denied
	}
	return s.changes[len(s.changes)-1].to
}

// during is the state that lasted from one moment to another, unknown if it
// changed in between.
func (s *subscription) during(from, to uint64) standing {
	is := denied
	for i := len(s.changes) - 1; i >= 0; i-- {
		c := s.changes[i]
		if c.at > to {
			continue
		}
		if c.at > from {
			return standing{unknown, s.qos}
		}
		is = c.to
		break
	}
	return standing{is, s.qos}
}

// subscribing and the next three note what a subscriber asks for and gets.
func (l *ledger) subscribing(in *inbox, filter string, qos packet.QoS) {
	l.lock()
	defer l.unlock()
	s := in.subscriptions[filter]
	if s == nil {
		s = &subscription{filter: plain(filter)}
		in.subscriptions[filter] = s
	}
	s.qos = qos
	s.change(l.now, unknown)
}

func (l *ledger) subscribed(in *inbox, filter string) {
	l.lock()
	defer l.unlock()
	l.figures.subscribed++
	in.subscriptions[filter].change(l.now, granted)
}

func (l *ledger) unsubscribing(in *inbox, filter string) {
	l.lock()
	defer l.unlock()
	if s := in.subscriptions[filter]; s != nil {
		s.change(l.now, unknown)
	}
}

func (l *ledger) unsubscribed(in *inbox, filter string) {
	l.lock()
	defer l.unlock()
	l.figures.unsubscribed++
	if s := in.subscriptions[filter]; s != nil {
		s.change(l.now, denied)
	}
}

// state is what is known of a filter now.
func (l *ledger) state(in *inbox, filter string) state {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := in.subscriptions[filter]; s != nil {
		return s.current()
	}
	return denied
}

// plain is a Topic Filter without the name of a share.
func plain(filter string) string {
	if rest, ok := strings.CutPrefix(filter, "$share/"); ok {
		_, filter, _ = strings.Cut(rest, "/")
	}
	return filter
}

// matches tells whether a Topic Filter has a Topic Name: written anew, so that
// it shares no fault with the broker. Neither begins with $.
func matches(filter, topic string) bool {
	f, t := strings.Split(filter, "/"), strings.Split(topic, "/")
	for i, level := range f {
		switch {
		case level == "#":
			return true
		case i >= len(t):
			return false
		case level != "+" && level != t[i]:
			return false
		}
	}
	return len(f) == len(t)
}
