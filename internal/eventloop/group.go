package eventloop

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"sync"

	"go.uber.org/zap"
)

// Group is the loops of one instance.
type Group struct {
	loops []*loop

	mu     sync.Mutex
	pumps  map[*pump]struct{} // the streams with goroutines
	closed bool
	wait   sync.WaitGroup // their goroutines
}

// New starts n loops. If n is not positive there is one for each processor but one, and at least one: a processor that is left to the
// collector, to accepting and to the program makes loops wake sooner than another loop would make them faster. Close ends them.
func New(n int, log *zap.Logger) (*Group, error) {
	if n <= 0 {
		n = max(1, runtime.GOMAXPROCS(0)-1)
	}
	g := &Group{pumps: make(map[*pump]struct{})}
	c := newClock()
	for range n {
		l, err := newLoop(c, log)
		if err != nil {
			for _, l := range g.loops {
				l.poller.close()
			}
			return nil, fmt.Errorf("event loop: %w", err)
		}
		g.loops = append(g.loops, l)
	}
	for _, l := range g.loops {
		go l.run()
	}
	return g, nil
}

// Loops returns the loops, always in the same order.
func (g *Group) Loops() []Loop {
	loops := make([]Loop, len(g.loops))
	for i, l := range g.loops {
		loops[i] = l
	}
	return loops
}

// Attach binds c to l and tells h of its events, from the first Interest on. It takes c over: use the Stream alone from then on; after an
// error c is closed. A TCP connection on Linux joins the loop's epoll set; any other gets goroutines and bounded buffers.
func (g *Group) Attach(c Conn, l Loop, h Handler) (Stream, error) {
	if s, ok, err := attachSocket(c, l, h); ok {
		if err != nil {
			_ = c.Close()
			return nil, fmt.Errorf("attach %v: %w", c.RemoteAddr(), err)
		}
		return s, nil
	}
	whole, ok := c.(net.Conn)
	if !ok {
		_ = c.Close()
		return nil, fmt.Errorf("attach %v: %T is no net.Conn, and %T no loop of a group", c.RemoteAddr(), c, l)
	}
	return g.attachPump(whole, l, h)
}

// Close ends the loops as soon as their queues have run dry, or at once when ctx is done, and then closes the streams that are left.
// Stop what runs on them first. The error is that of ctx.
func (g *Group) Close(ctx context.Context) error {
	for _, l := range g.loops {
		l.close()
	}
	err := g.await(ctx)
	if err != nil {
		for _, l := range g.loops {
			l.abort.Store(true)
			l.wake()
		}
		_ = g.await(context.Background())
	}
	for _, l := range g.loops {
		l.poller.close()
	}
	g.closePumps()
	return err
}

// await waits until all loops have ended.
func (g *Group) await(ctx context.Context) error {
	for _, l := range g.loops {
		select {
		case <-l.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
