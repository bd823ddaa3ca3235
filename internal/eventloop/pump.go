package eventloop

import (
	"errors"
	"net"
	"sync"
	"time"
)

const (
	pumpRead  = 16 << 10 // bytes that are read ahead
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
	scheduled bool   // its Task is in the queue of a loop
	in        []byte // read and not yet taken
	inErr     error  // why reading ended; given when `in` is empty
	out       []byte // taken and not yet in the writer's hands
	writing   int    // bytes in the writer's hands; it runs while this is not 0
	outErr    error  // why writing ended
	hangup    bool   // both ways are at their end
	told      bool   // Hangup was reported
	started   bool   // the reader runs
	closed    bool
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
	p.out = append(p.out, b[:n]...)
	if n > 0 && p.writing == 0 {
		p.handOver()
		p.spawn(p.write)
	}
	if n < len(b) {
		return n, ErrAgain
	}
	return n, nil
}

// room is how many bytes Write takes. mu is held.
func (p *pump) room() int { return pumpWrite - len(p.out) - p.writing }

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
	if !p.started {
		p.started = true
		p.spawn(p.read)
	}
	p.offer()
}

func (p *pump) Move(to Loop) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loop = to
	p.offer()
}

// Close leaves the connection to the goroutines: the reader ends at once, the writer when it has written what was taken.
func (p *pump) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	p.in = nil
	p.consumed.Signal()
	if p.writing > 0 {
		_ = p.conn.SetReadDeadline(time.Unix(1, 0))
		_ = p.conn.SetWriteDeadline(time.Now().Add(linger))
		return nil
	}
	return p.end()
}

// end closes the connection itself. mu is held, the writer does not run.
func (p *pump) end() error {
	p.group.mu.Lock()
	delete(p.group.pumps, p)
	p.group.mu.Unlock()
	return p.conn.Close()
}

func (p *pump) RemoteAddr() net.Addr { return p.conn.RemoteAddr() }
func (p *pump) LocalAddr() net.Addr  { return p.conn.LocalAddr() }

// read is the reader's goroutine: it fills the buffer and waits until it was taken.
func (p *pump) read() {
	buffer := make([]byte, pumpRead)
	for {
		n, err := p.conn.Read(buffer)
		p.mu.Lock()
		p.in, p.inErr = buffer[:n], err
		p.hangup = p.hangup || err != nil && p.outErr != nil
		p.offer()
		for len(p.in) > 0 && !p.closed {
			p.consumed.Wait()
		}
		stop := p.closed || err != nil
		p.mu.Unlock()
		if stop {
			return
		}
	}
}

// handOver gives what was taken to the writer. mu is held.
func (p *pump) handOver() { p.writing = len(p.out) }

// write is the writer's goroutine: it lives as long as there is something to write.
func (p *pump) write() {
	for {
		p.mu.Lock()
		p.handOver()
		pending := p.out
		p.out = nil
		if p.writing == 0 {
			if p.closed {
				_ = p.end()
			}
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
		_, err := p.conn.Write(pending)
		p.mu.Lock()
		if err != nil && !errors.Is(err, net.ErrClosed) {
			p.fail(err)
		}
		p.offer()
		p.mu.Unlock()
	}
}

func (p *pump) fail(err error) {
	p.outErr = err
	p.out = nil
	p.hangup = true
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

// Run reports the events, on the loop's turn, and comes again behind the tasks that the handler has scheduled.
func (p *pump) Run() {
	p.mu.Lock()
	p.scheduled = false
	events := p.events()
	p.told = p.told || events&Hangup != 0
	p.offer()
	p.mu.Unlock()
	if events != 0 {
		p.handler.Ready(events)
	}
}
