package eventloop

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

const (
	pumpRead  = 16 << 10 // bytes that are read ahead
	pumpIdle  = 1 << 10  // and as long as little comes
	pumpCalm  = 4        // reads in a row that would have fitted there, after which it is little again
	pumpWrite = 64 << 10 // bytes that are taken and not yet written
	// linger is how long a closed connection may take to accept what was written before.
	linger = 5 * time.Second
)

// pump is a Stream over any net.Conn: a goroutine reads ahead into a bounded buffer, another one writes while there is something to
// write. It offers events as levels: its Task comes again on every pass as long as something is wanted and true.
type pump struct {
	group   *Group
	conn    net.Conn
	handler Handler

	mu        sync.Mutex
	consumed  sync.Cond // of mu: the reader may go on
	loop      Loop
	wanted    Events
	scheduled bool   // its Task is in the queue of a loop, or runs
	moved     bool   // that loop is the wrong one
	reading   bool   // the reader was started
	in        []byte // read and not yet taken
	inErr     error  // why reading ended; given when `in` is empty
	writing   bool   // the writer runs
	out       []byte // taken and not yet in the writer's hands
	held      int    // bytes in the writer's hands
	outErr    error  // why writing ended
	hangup    bool   // the connection is broken
	told      bool   // and that was reported
	closed    bool
	finished  bool // by Finish
}

func (g *Group) attachPump(c net.Conn, l Loop, h Handler) (Stream, error) {
	p := &pump{group: g, conn: c, handler: h, loop: l}
	p.consumed.L = &p.mu
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		_ = c.Close()
		return nil, ErrClosed
	}
	g.pumps[p] = struct{}{}
	return p, nil
}

// closePumps closes what is left and waits for the goroutines.
func (g *Group) closePumps() {
	g.mu.Lock()
	g.closed = true
	left := make([]*pump, 0, len(g.pumps))
	for p := range g.pumps {
		left = append(left, p)
	}
	g.mu.Unlock()
	for _, p := range left {
		_ = p.Close()
	}
	g.wait.Wait()
}

// spawn runs f on a goroutine that closePumps waits for.
func (p *pump) spawn(f func()) { p.group.wait.Go(f) }

func (p *pump) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return 0, ErrClosed
	case len(b) == 0:
		return 0, nil
	case len(p.in) > 0:
		n := copy(b, p.in)
		if p.in = p.in[n:]; len(p.in) == 0 {
			p.consumed.Signal()
		}
		return n, nil
	case p.inErr != nil:
		return 0, p.inErr
	}
	return 0, ErrAgain
}

func (p *pump) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, ErrClosed
	}
	if p.outErr != nil {
		return 0, p.outErr
	}
	n := min(len(b), p.room())
	if n > 0 {
		p.out = append(p.out, b[:n]...)
		p.startWriter()
	}
	if n < len(b) {
		return n, ErrAgain
	}
	return n, nil
}

// room is how many bytes Write takes. mu is held.
func (p *pump) room() int { return pumpWrite - len(p.out) - p.held }

// startWriter makes the writer run. mu is held.
func (p *pump) startWriter() {
	if !p.writing {
		p.writing = true
		p.spawn(p.write)
	}
}

func (p *pump) Interest(read, write bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.wanted = 0
	if read {
		p.wanted |= Readable
	}
	if write {
		p.wanted |= Writable
	}
	if !p.reading {
		p.reading = true
		p.spawn(p.read)
	}
	p.offer()
}

func (p *pump) Move(to Loop) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved = p.moved || p.scheduled && to != p.loop
	p.loop = to
}

// Close leaves the connection to the goroutines: the reader ends at once, the writer when it has written what was taken. Even closing may
// block, as TLS does.
func (p *pump) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	p.in = nil
	p.consumed.Signal()
	_ = p.conn.SetReadDeadline(time.Unix(1, 0))
	_ = p.conn.SetWriteDeadline(time.Now().Add(linger))
	p.startWriter()
	return nil
}

func (p *pump) Finish() error {
	p.mu.Lock()
	p.finished = !p.closed
	p.mu.Unlock()
	return p.Close()
}

// farewell lets the peer read the last word, if the connection can be closed one way.
func (p *pump) farewell() {
	half, ok := p.conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = p.conn.SetReadDeadline(time.Now().Add(farewellTime))
	_, _ = io.CopyN(io.Discard, p.conn, farewellBytes)
}

// read is the reader's goroutine: it fills the buffer and waits until it was taken.
func (p *pump) read() {
	buffer, calm := make([]byte, pumpIdle), 0
	for {
		n, err := p.conn.Read(buffer)
		p.mu.Lock()
		p.in, p.inErr = buffer[:n], err
		p.hangup = p.hangup || err != nil && !errors.Is(err, io.EOF)
		p.offer()
		for len(p.in) > 0 && !p.closed {
			p.consumed.Wait()
		}
		p.in = nil // or it would keep a buffer that is given up below
		stop := p.closed || err != nil
		p.mu.Unlock()
		if stop {
			return
		}
		if calm++; n > pumpIdle {
			calm = 0
		}
		switch {
		case n == len(buffer) && n < pumpRead:
			buffer, calm = make([]byte, pumpRead), 0
		case calm == pumpCalm && len(buffer) > pumpIdle:
			buffer = make([]byte, pumpIdle)
		}
	}
}

// write is the writer's goroutine: it lives as long as there is something to write, and closes what is closed.
func (p *pump) write() {
	p.mu.Lock()
	defer p.mu.Unlock()
	var spare []byte
	for len(p.out) > 0 {
		pending := p.out
		p.out, p.held = spare[:0], len(pending)
		p.mu.Unlock()
		_, err := p.conn.Write(pending)
		p.mu.Lock()
		spare, p.held = pending, 0
		if err != nil {
			p.out, p.outErr, p.hangup = nil, err, true
		}
		p.offer()
	}
	p.out = nil
	p.writing = false
	if p.closed {
		p.group.mu.Lock()
		delete(p.group.pumps, p)
		p.group.mu.Unlock()
		if p.finished && p.outErr == nil {
			p.mu.Unlock()
			p.farewell()
			p.mu.Lock()
		}
		_ = p.conn.Close()
	}
}

// offer schedules the Task if there is something to report. mu is held.
func (p *pump) offer() {
	if !p.scheduled && p.events() != 0 {
		p.scheduled = true
		p.loop.Schedule(p)
	}
}

// events is what is wanted and true. mu is held.
func (p *pump) events() Events {
	var events Events
	if p.closed {
		return 0
	}
	if len(p.in) > 0 || p.inErr != nil {
		events |= p.wanted & Readable
	}
	if p.room() > 0 || p.outErr != nil {
		events |= p.wanted & Writable
	}
	if p.hangup && !p.told {
		events |= Hangup
	}
	return events
}

// Run reports the events on the loop's turn. It comes again behind the tasks that the handler has scheduled.
func (p *pump) Run() {
	if events := p.take(); events != 0 {
		p.handler.Ready(events)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved, p.scheduled = false, false
	p.offer()
}

// take is the events to report now, none if they are for another loop's turn.
func (p *pump) take() Events {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.moved {
		return 0
	}
	events := p.events()
	p.told = p.told || events&Hangup != 0
	return events
}
