//go:build !linux

package eventloop

import "time"

// poller is what a loop sleeps on where sockets have goroutines: a channel and a timer.
type poller struct {
	signal chan struct{}
	timer  *time.Timer
	greedy greedy
}

// greedy is always empty: the goroutines of the connections wait for one another in the run queue.
type greedy struct{ calm bool }

func (greedy) empty() bool        { return true }
func (greedy) dispatch(*loop) int { return 0 }

func newPoller() (*poller, error) {
	p := &poller{signal: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)}
	p.timer.Stop()
	return p, nil
}

// poll has nothing to collect: the goroutines schedule what they have.
func (p *poller) poll() {}

// park waits until the loop's next timer is due or wake is called.
func (p *poller) park(l *loop) {
	next := l.wheel.Next()
	if next == 0 {
		<-p.signal
		return
	}
	p.timer.Reset(time.Until(l.clock.at(next)))
	defer p.timer.Stop()
	select {
	case <-p.signal:
	case <-p.timer.C:
	}
}

// wake ends park, or the next one.
func (p *poller) wake() {
	select {
	case p.signal <- struct{}{}:
	default:
	}
}

func (p *poller) dispatch(*loop) {}
func (p *poller) close()         {}

// attachSocket has no other way than goroutines to offer.
func attachSocket(Conn, Loop, Handler) (Stream, bool, error) { return nil, false, nil }

// acceptor has no other way than a goroutine to offer either.
type acceptor struct{}

func newAcceptor(Loop, *Listener) *acceptor { return nil }
func (*acceptor) close() error              { return nil }
