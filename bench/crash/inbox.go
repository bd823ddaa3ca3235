package main

import (
	"github.com/troupemq/troupe/bench/internal/message"
)

// inbox is what came to one subscriber, or to all members of a Shared
// Subscription together, and what must come.
type inbox struct {
	name    string
	lasting bool // its Session is kept: nothing may be lost
	ordered bool

	subscriptions map[string]*subscription // by Topic Filter
	connections   int
	ended         uint64 // when the last Session before this one had ended; a time of the ledger
	seen          map[message.Stream]*arrivals
	recent        map[message.Message]arrival // what may come again
	owed          map[message.Message]struct{}
}

type arrivals struct {
	set  message.Set
	last int // the highest
}

// arrival is when a message came last.
type arrival struct{ connection, settled int }

func newInbox(name string, lasting, ordered bool) *inbox {
	in := &inbox{name: name, lasting: lasting, ordered: ordered,
		subscriptions: make(map[string]*subscription), owed: make(map[message.Message]struct{})}
	in.forget()
	return in
}

func (in *inbox) forget() {
	in.seen, in.recent = make(map[message.Stream]*arrivals), make(map[message.Message]arrival)
}

func (in *inbox) has(m message.Message) bool {
	a := in.seen[m.Stream]
	return a != nil && a.set.Has(m.Number)
}

// take notes the first arrival of a message.
func (in *inbox) take(m message.Message, settled int) *arrivals {
	a := in.seen[m.Stream]
	if a == nil {
		a = &arrivals{last: -1}
		in.seen[m.Stream] = a
	}
	a.set.Add(m.Number)
	in.recent[m] = arrival{in.connections, settled}
	return a
}

// settle lets go of what came before the time before: its acknowledgement is
// with the broker for so long that no crash can bring it back.
func (in *inbox) settle(settled int) {
	for m, a := range in.recent {
		if a.settled < settled-1 {
			delete(in.recent, m)
		}
	}
}

// standing is what the subscriber has of a topic all the time from one moment to
// another. Its filters do not overlap.
func (in *inbox) standing(topic string, from, to uint64) standing {
	best := standing{is: denied}
	for _, s := range in.subscriptions {
		if !matches(s.filter, topic) {
			continue
		}
		if now := s.during(from, to); now.is > best.is {
			best = now
		}
	}
	return best
}

// enter notes a new connection of a subscriber.
func (l *ledger) enter(in *inbox, resumed bool) {
	l.lock()
	defer l.unlock()
	in.connections++
	l.figures.connects++
	if resumed {
		l.figures.resumed++
	}
}

// ending notes that a Session may be over from now on, as was asked for, and
// with it all that waits in it.
func (l *ledger) ending(in *inbox) {
	l.lock()
	defer l.unlock()
	for _, s := range in.subscriptions {
		s.change(l.now, unknown)
	}
	l.owed -= len(in.owed)
	clear(in.owed)
}

// end notes that there is a new Session without subscriptions. What must still
// come of the old one is lost.
func (l *ledger) end(in *inbox) {
	l.lock()
	defer l.unlock()
	l.write(in, "is lost with its Session")
	for _, s := range in.subscriptions {
		s.change(l.now, denied)
	}
	in.ended = l.now
	in.forget()
}
