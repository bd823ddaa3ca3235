package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/troupemq/troupe/bench/internal/message"
	"github.com/troupemq/troupe/protocol/packet"
)

// ledger is the model: it knows what was said, answered and received, in the
// order in which that was seen on the wire, and holds one against the other. It
// knows nothing of sockets or of clients; all its methods may be called from
// anywhere.
type ledger struct {
	out     io.Writer
	began   time.Time
	root    string // of all Topic Names
	clients int

	mu      sync.Mutex
	now     uint64 // grows with each event
	cycle   int
	settled int  // how often all that was open was done
	down    bool // the broker is being ended, or has been
	said    map[message.Stream][]record
	open    map[message.Message]struct{} // said, and the conversation about it is not over
	owed    int                          // acknowledged, and not at all inboxes that must have it
	inboxes []*inbox
	kept    map[string]*kept // by Topic Name
	changed chan struct{}    // closed when nothing is open or owed any more, or a reading is whole

	violations map[kind]int
	figures    figures
}

// record is what is known of one message. The first two are times of the ledger; 0: not yet.
type record struct {
	sent, acknowledged uint64
	cycle              int
	again              bool // its publisher has sent it more than once
}

// figures are what the summary tells.
type figures struct {
	connects, resumed            int
	said, acknowledged, repeated int // repeated: sent again by their publishers
	received, again              int // again: QoS 1, around a crash
	subscribed, unsubscribed     int
	readings, retained, wills    int
	crashes, hasty, stops        int
	interrupted                  int // starts
	beside                       int // received by who might have it or not
}

// kind is what a violation is one of.
type kind string

const (
	lost       kind = "lost"       // acknowledged, and did not come
	twice      kind = "twice"      // with QoS 2, or with QoS 1 away from any crash
	order      kind = "order"      // after a later one of its stream
	misrouted  kind = "misrouted"  // without a subscription, at a wrong topic or with a wrong QoS
	sessions   kind = "session"    // Session Present is not what it has to be, or what ended came back
	retained   kind = "retained"   // a Retained Message is not what it has to be
	unanswered kind = "unanswered" // no acknowledgement came
	refused    kind = "refused"    // an answer says no
	cut        kind = "cut off"    // the broker ended a connection, and was not being ended
	broken     kind = "broken"     // what came is no packet, or makes no sense
)

func newLedger(out io.Writer, root string, clients int) *ledger {
	return &ledger{
		out: out, began: time.Now(), root: root, clients: clients, said: make(map[message.Stream][]record), open: make(map[message.Message]struct{}),
		kept: make(map[string]*kept), changed: make(chan struct{}), violations: make(map[kind]int),
	}
}

// printed is how many violations of a kind are told one by one.
const printed = 12

func (l *ledger) violate(k kind, format string, a ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note(k, format, a...)
}

func (l *ledger) note(k kind, format string, a ...any) {
	if l.violations[k] < printed {
		fmt.Fprintf(l.out, "%8.3fs VIOLATION in cycle %d: %s: %s\n", time.Since(l.began).Seconds(), l.cycle, k, fmt.Sprintf(format, a...))
	}
	l.violations[k]++
}

func (l *ledger) violationCount() (n int) {
	for _, count := range l.violations {
		n += count
	}
	return n
}

// lock is for one event; unlock wakes who waits for what may be true now.
func (l *ledger) lock() {
	l.mu.Lock()
	l.now++
}

func (l *ledger) unlock() {
	if len(l.open) == 0 && l.owed == 0 {
		l.wake()
	}
	l.mu.Unlock()
}

func (l *ledger) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// await waits until something is true of the ledger, and tells whether it has
// become so in time.
func (l *ledger) await(ctx context.Context, most time.Duration, is func() bool) bool {
	timer := time.NewTimer(most)
	defer timer.Stop()
	for {
		l.mu.Lock()
		done, changed := is(), l.changed
		l.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-changed:
		case <-timer.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// begin starts a cycle.
func (l *ledger) begin(cycle int) {
	l.lock()
	defer l.unlock()
	l.cycle = cycle
}

// fall says that the broker is being ended from now on, rise that there is one
// again.
func (l *ledger) fall() { l.setDown(true) }
func (l *ledger) rise() { l.setDown(false) }

func (l *ledger) setDown(down bool) {
	l.lock()
	defer l.unlock()
	l.down = down
}

func (l *ledger) isDown() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.down
}

// say begins the next message of a stream, with which a conversation is open.
func (l *ledger) say(s message.Stream) message.Message {
	l.lock()
	defer l.unlock()
	m := l.promise(s)
	l.open[m] = struct{}{}
	l.figures.said++
	return m
}

// will begins the next message of a stream, which somebody else is to publish.
func (l *ledger) will(s message.Stream) message.Message {
	l.lock()
	defer l.unlock()
	l.figures.wills++
	return l.promise(s)
}

func (l *ledger) promise(s message.Stream) message.Message {
	l.said[s] = append(l.said[s], record{sent: l.now, cycle: l.cycle})
	return message.Message{Stream: s, Number: len(l.said[s]) - 1}
}

// withdraw takes back a message that never left.
func (l *ledger) withdraw(m message.Message) {
	l.lock()
	defer l.unlock()
	l.record(m).sent = 0
	l.figures.said--
	l.close(m)
}

// repeat notes that a publisher sends a message again.
func (l *ledger) repeat(m message.Message) {
	l.lock()
	defer l.unlock()
	l.record(m).again = true
	l.figures.repeated++
}

// acknowledge notes that the broker has taken a message: who had a subscription
// all the time must get it.
func (l *ledger) acknowledge(m message.Message) {
	l.lock()
	defer l.unlock()
	r := l.record(m)
	if r.acknowledged != 0 {
		return
	}
	r.acknowledged = l.now
	l.figures.acknowledged++
	topic := topicName(l.root, m.Stream)
	for _, in := range l.inboxes {
		if in.lasting && in.standing(topic, r.sent, l.now).is == granted && !in.has(m) {
			in.owed[m] = struct{}{}
			l.owed++
		}
	}
	if k := l.kept[topic]; k != nil {
		k.acknowledge(m)
	}
}

// complete notes the end of the conversation about a message, or that there will
// be no more of it.
func (l *ledger) complete(m message.Message) {
	l.lock()
	defer l.unlock()
	l.close(m)
}

func (l *ledger) close(m message.Message) { delete(l.open, m) }

func (l *ledger) record(m message.Message) *record { return &l.said[m.Stream][m.Number] }

// settle waits until nothing is open or owed, and tells what still is after that
// time. It forgets it then, so that each is told once.
func (l *ledger) settle(ctx context.Context, most time.Duration) {
	l.await(ctx, most, func() bool { return len(l.open) == 0 && l.owed == 0 })
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() == nil {
		for _, m := range sorted(l.open) {
			l.note(unanswered, "nothing came for %s within %s; first sent in cycle %d", m, most, l.record(m).cycle)
		}
		for _, in := range l.inboxes {
			l.write(in, fmt.Sprintf("did not come within %s", most))
		}
	}
	clear(l.open)
	l.settled++
	for _, in := range l.inboxes {
		in.settle(l.settled)
	}
}

// write tells what an inbox must still have as lost.
func (l *ledger) write(in *inbox, why string) {
	for _, m := range sorted(in.owed) {
		l.note(lost, "%s: %s at %q, sent in cycle %d and acknowledged, %s", in.name, m, topicName(l.root, m.Stream), l.record(m).cycle, why)
	}
	l.owed -= len(in.owed)
	clear(in.owed)
}

func sorted(set map[message.Message]struct{}) []message.Message {
	all := make([]message.Message, 0, len(set))
	for m := range set {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b message.Message) int {
		return slices.Compare([]int{a.Publisher, a.Topic, int(a.QoS), a.Number}, []int{b.Publisher, b.Topic, int(b.QoS), b.Number})
	})
	return all
}

// arrive notes what came to a subscriber, and judges it.
func (l *ledger) arrive(in *inbox, topic string, m message.Message, qos packet.QoS) {
	l.lock()
	defer l.unlock()
	l.figures.received++
	if m.Number >= len(l.said[m.Stream]) || l.record(m).sent == 0 {
		l.note(broken, "%s got %s, which was never sent", in.name, m)
		return
	}
	if want := topicName(l.root, m.Stream); topic != want {
		l.note(misrouted, "%s got %s at %q instead of %q", in.name, m, topic, want)
		return
	}
	r := l.record(m)
	end := l.now
	if r.acknowledged != 0 {
		end = r.acknowledged
	}
	s := in.standing(topic, r.sent, end)
	switch {
	case r.acknowledged != 0 && r.acknowledged < in.ended:
		l.note(sessions, "%s got %s, which was acknowledged before its Session ended", in.name, m)
		return
	case s.is == denied:
		l.note(misrouted, "%s got %s, sent in cycle %d, without a subscription", in.name, m, r.cycle)
		return
	case s.is == granted && qos != min(m.QoS, s.qos):
		l.note(misrouted, "%s got %s with QoS %d instead of %d", in.name, m, qos, min(m.QoS, s.qos))
	case s.is == unknown:
		l.figures.beside++
	}
	if _, ok := in.owed[m]; ok {
		delete(in.owed, m)
		l.owed--
	}
	if in.has(m) {
		l.judgeAgain(in, m, r, qos)
		return
	}
	a := in.take(m, l.settled)
	if in.ordered && s.is == granted && m.Number < a.last {
		l.note(order, "%s got %s, sent in cycle %d, after number %d", in.name, m, r.cycle, a.last)
	}
	a.last = max(a.last, m.Number)
}

// judgeAgain judges what came once more.
func (l *ledger) judgeAgain(in *inbox, m message.Message, r *record, qos packet.QoS) {
	if qos == packet.QoS2 && m.QoS == packet.QoS2 {
		l.note(twice, "%s got %s, sent in cycle %d, twice with QoS 2", in.name, m, r.cycle)
		return
	}
	l.figures.again++
	before, recent := in.recent[m]
	switch {
	case r.again: // its publisher sent it again, so that there may be two
	case !recent:
		l.note(twice, "%s got %s, sent in cycle %d, again, long after it came", in.name, m, r.cycle)
	case before.connection == in.connections:
		l.note(twice, "%s got %s, sent in cycle %d, twice on one connection", in.name, m, r.cycle)
	}
	in.recent[m] = arrival{in.connections, l.settled}
}
