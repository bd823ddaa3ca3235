package actortest

import (
	"errors"
	"net"
	"slices"
)

// errReset is what the server's end of a wire says that was cut.
var errReset = errors.New("actortest: connection reset by peer")

// wire is a byte stream both ways between a [Peer] and a [Socket]. Bytes are
// on their way until the network has carried them over.
type wire struct {
	scheduler *Scheduler
	number    int64
	up, down  lane
	room      int  // bytes of down that may be under way or unread
	cutAt     int  // bytes of up after which it is cut by itself, 0: never
	ended     bool // nothing more comes up
	reset     bool // cut: both ends are told
	silent    bool // the Client vanished: nobody is told
	closed    bool // by the server
	closedAt  int64
}

// lane is one direction: bytes that were written and not read, of which the
// first have arrived.
type lane struct {
	bytes   []byte
	arrived int
	carried int // bytes that ever arrived
}

func (l *lane) carry(n int) {
	l.arrived += n
	l.carried += n
}

func (l *lane) take(n int) []byte {
	b := slices.Clone(l.bytes[:n])
	l.bytes = append(l.bytes[:0], l.bytes[n:]...)
	l.arrived -= n
	return b
}

// flow carries some bytes over.
func (w *wire) flow() {
	if w.reset || w.silent {
		return
	}
	rng := w.scheduler.rng
	if n := len(w.up.bytes) - w.up.arrived; n > 0 {
		n = 1 + rng.IntN(n)
		if w.cutAt > 0 && w.up.carried+n >= w.cutAt {
			w.up.carry(max(0, w.cutAt-w.up.carried))
			w.cut()
			return
		}
		w.up.carry(n)
	}
	if n := len(w.down.bytes) - w.down.arrived; n > 0 {
		w.down.carry(1 + rng.IntN(n))
	}
}

// cut breaks the wire. Some of what had arrived may be lost with it.
func (w *wire) cut() {
	if w.reset {
		return
	}
	w.scheduler.options.Recorder.Note("cut", w.number)
	w.reset = true
	kept := 0
	if w.up.arrived > 0 {
		kept = w.scheduler.rng.IntN(w.up.arrived + 1)
	}
	w.up.bytes, w.up.arrived = w.up.bytes[:kept], kept
	w.down = lane{}
}

// still tells whether nothing is under way.
func (w *wire) still() bool {
	return w.reset || w.silent || w.up.arrived == len(w.up.bytes) && w.down.arrived == len(w.down.bytes)
}

// Flow lets the network carry bytes over some of the connections.
func (s *Scheduler) Flow() {
	s.wires = slices.DeleteFunc(s.wires, func(w *wire) bool { return w.closed && (w.reset || w.silent || len(w.down.bytes) == 0) })
	for _, w := range s.wires {
		if s.rng.IntN(2) == 0 {
			w.flow()
		}
	}
}

// Still tells whether the network has nothing to carry.
func (s *Scheduler) Still() bool {
	return !slices.ContainsFunc(s.wires, func(w *wire) bool { return !w.still() })
}

// Peer is the Client's end of a connection.
type Peer struct{ wire *wire }

// Send puts bytes on the wire.
func (p *Peer) Send(b []byte) {
	if w := p.wire; !w.reset && !w.silent && !w.ended && !w.closed {
		w.up.bytes = append(w.up.bytes, b...)
		w.scheduler.options.Recorder.Bytes("send", w.number, b)
	}
}

// Receive takes some of what has arrived, nil if nothing has.
func (p *Peer) Receive() []byte {
	w := p.wire
	if w.reset || w.silent || w.down.arrived == 0 {
		return nil
	}
	b := w.down.take(1 + w.scheduler.rng.IntN(w.down.arrived))
	w.scheduler.options.Recorder.Bytes("receive", w.number, b)
	return b
}

// Unread tells whether something has arrived that Receive has not taken.
func (p *Peer) Unread() bool { return !p.wire.reset && !p.wire.silent && len(p.wire.down.bytes) > 0 }

// End tells the server that nothing more comes, behind what was sent.
func (p *Peer) End() { p.wire.ended = true }

// Cut breaks the connection now. What was under way is lost, either way.
func (p *Peer) Cut() { p.wire.cut() }

// Spare takes back CutAfter.
func (p *Peer) Spare() { p.wire.cutAt = 0 }

// CutAfter breaks the connection once n more bytes, at least 1, have been carried over.
func (p *Peer) CutAfter(n int) { p.wire.cutAt = p.wire.up.carried + n }

// Vanish takes the Client from the network: the server is not told.
func (p *Peer) Vanish() { p.wire.silent = true }

// Gone tells whether nothing more will come from the server, because it closed
// the connection or because that was cut.
func (p *Peer) Gone() bool {
	w := p.wire
	return w.reset || w.closed && (len(w.down.bytes) == 0 || w.silent)
}

// Closed is when the server closed its end, in Unix milliseconds; 0: it has not.
func (p *Peer) Closed() int64 { return p.wire.closedAt }

// Taken tells whether the server has read all that was sent.
func (p *Peer) Taken() bool { return len(p.wire.up.bytes) == 0 && !p.wire.reset }

// Number is that of the connection, in the order in which they were made.
func (p *Peer) Number() int64 { return p.wire.number }

// address is where a wire comes from.
type address struct{ number int64 }

func (a address) Network() string { return "actortest" }
func (a address) String() string  { return "wire-" + string(rune('a'+a.number%26)) }

var _ net.Addr = address{}
