package main

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupemq/troupe/bench/internal/message"
	"github.com/troupemq/troupe/protocol/packet"
)

// ledger knows what was acknowledged to publishers and what came to
// subscribers, and holds one against the other.
type ledger struct {
	out      io.Writer
	began    time.Time
	accounts [][]account // of each publisher, by index
	shared   *inbox      // of all members of the Shared Subscription together
	inboxes  []*inbox

	violations atomic.Int64
	figures    figures
}

// figures are what the summary tells.
type figures struct {
	connects, resumes, takeovers, cuts, farewells  atomic.Int64
	published, acknowledged, received, redelivered [3]atomic.Int64 // by QoS
	open                                           atomic.Int64    // published and not acknowledged
}

// account is what a publisher said in one stream.
type account struct {
	mu           sync.Mutex
	said         int
	acknowledged message.Set // the broker has taken these: they must arrive
}

// inbox is what came to one subscriber.
type inbox struct {
	name    string
	mu      sync.Mutex
	granted map[int][topics]int // by publisher and topic: QoS, -1 for nothing
	lasting bool                // nothing may be lost
	ordered bool
	seen    map[message.Stream]*arrivals
}

type arrivals struct {
	set  message.Set
	last int // the highest
}

func newInbox(name string, lasting, ordered bool) *inbox {
	return &inbox{name: name, granted: make(map[int][topics]int), lasting: lasting, ordered: ordered, seen: make(map[message.Stream]*arrivals)}
}

func newLedger(out io.Writer, publishers int) *ledger {
	l := &ledger{out: out, began: time.Now(), accounts: make([][]account, publishers), shared: newInbox("the shared subscription", true, false)}
	for i := range l.accounts {
		l.accounts[i] = make([]account, streams)
		l.shared.granted[i] = [topics]int{-1, -1, 2}
	}
	return l
}

// printed is how many violations are told one by one.
const printed = 50

func (l *ledger) violate(format string, a ...any) {
	if n := l.violations.Add(1); n <= printed {
		fmt.Fprintf(l.out, "%8.3fs VIOLATION %s\n", time.Since(l.began).Seconds(), fmt.Sprintf(format, a...))
	}
}

// say begins the next message of a stream.
func (l *ledger) say(s message.Stream) message.Message {
	a := &l.accounts[s.Publisher][index(s)]
	a.mu.Lock()
	defer a.mu.Unlock()
	a.said++
	l.figures.published[s.QoS].Add(1)
	return message.Message{Stream: s, Number: a.said - 1}
}

// acknowledge notes that the broker took a message.
func (l *ledger) acknowledge(m message.Message) {
	a := &l.accounts[m.Publisher][index(m.Stream)]
	a.mu.Lock()
	defer a.mu.Unlock()
	a.acknowledged.Add(m.Number)
	l.figures.acknowledged[m.QoS].Add(1)
}

// arrive notes what came to a subscriber, and judges it.
func (l *ledger) arrive(in *inbox, m message.Message, qos packet.QoS) {
	in.mu.Lock()
	defer in.mu.Unlock()
	topics, subscribed := in.granted[m.Publisher]
	granted := topics[m.Topic]
	if !subscribed || granted < 0 {
		l.violate("%s got %+v without a subscription", in.name, m)
		return
	}
	if want := min(m.QoS, packet.QoS(granted)); qos != want {
		l.violate("%s got %+v with QoS %d instead of %d", in.name, m, qos, want)
	}
	l.figures.received[qos].Add(1)
	a := in.seen[m.Stream]
	if a == nil {
		a = &arrivals{last: -1}
		in.seen[m.Stream] = a
	}
	switch again := a.set.Has(m.Number); {
	case again && m.QoS == packet.QoS1 || again && qos == packet.QoS1:
		l.figures.redelivered[qos].Add(1)
	case again:
		l.violate("%s got %+v twice with QoS %d", in.name, m, qos)
	case m.Number < a.last && in.ordered && (m.QoS != packet.QoS1 || qos != packet.QoS0 && in.lasting):
		// A message with QoS 1 that its publisher sends again comes late to
		// who was not there, or got QoS 0, the first time.
		l.violate("%s got %+v after number %d", in.name, m, a.last)
	}
	a.set.Add(m.Number)
	a.last = max(a.last, m.Number)
}

// missing counts what was acknowledged and has not come to who must have it.
// tell is called for each, if it is not nil.
func (l *ledger) missing(tell func(in *inbox, m message.Message)) (n int) {
	for _, in := range append(l.inboxes, l.shared) {
		if !in.lasting {
			continue
		}
		in.mu.Lock()
		for publisher, granted := range in.granted {
			for topic, most := range granted {
				for qos := packet.QoS1; qos <= packet.QoS2 && most > 0; qos++ {
					s := message.Stream{Publisher: publisher, Topic: topic, QoS: qos}
					n += l.absent(in, s, tell)
				}
			}
		}
		in.mu.Unlock()
	}
	return n
}

func (l *ledger) absent(in *inbox, s message.Stream, tell func(*inbox, message.Message)) (n int) {
	a := &l.accounts[s.Publisher][index(s)]
	a.mu.Lock()
	defer a.mu.Unlock()
	var seen message.Set
	if got := in.seen[s]; got != nil {
		seen = got.set
	}
	for number := range a.acknowledged.Without(seen) {
		n++
		if tell != nil {
			tell(in, message.Message{Stream: s, Number: number})
		}
	}
	return n
}

func sum(a *[3]atomic.Int64) (n int64) {
	for i := range a {
		n += a[i].Load()
	}
	return n
}
