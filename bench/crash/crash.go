package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/troupemq/troupe/bench/internal/broker"
)

// run is one broker with its clients, from cycle to cycle.
type run struct {
	settings
	out    io.Writer
	ledger *ledger
	cast   []*client
	chance *rand.Rand
	dir    string
	broker *broker.Process
	reader *client // of this cycle, or nil
	due    time.Time
}

// crash runs everything and tells whether something was violated.
func crash(ctx context.Context, s settings, out, stderr io.Writer) (violated bool, err error) {
	dir, err := os.MkdirTemp("", "crash")
	if err != nil {
		return false, err
	}
	root := "crash/" + strconv.FormatUint(s.seed, 36)
	l := newLedger(out, root, s.clients+extras)
	r := &run{settings: s, out: out, ledger: l, cast: newCast(s, l), chance: rand.New(rand.NewPCG(s.seed, 1<<32)), dir: dir}
	fmt.Fprintf(out, "crash: %d cycles with %d clients, durability %s, seed %d\n", s.cycles, len(r.cast), s.durability, s.seed)
	defer func() {
		if r.broker != nil {
			l.fall()
			_ = r.broker.Kill()
		}
		for _, c := range r.cast {
			if c.up {
				c.wire.cut()
			}
		}
		if s.keep && (violated || err != nil) {
			fmt.Fprintf(out, "crash: the directory of the broker is %s\n", dir)
			return
		}
		_ = os.RemoveAll(dir)
	}()
	if r.binary == "" {
		r.binary, err = broker.Build(ctx, dir)
	} else {
		r.binary, err = filepath.Abs(r.binary)
	}
	if err != nil {
		return false, err
	}
	if err := r.start(stderr); err != nil {
		return false, err
	}
	l.began = time.Now()
	for cycle := 1; cycle <= s.cycles && ctx.Err() == nil; cycle++ {
		l.begin(cycle)
		err := r.live(ctx, cycle, cycle == s.cycles)
		if err == nil {
			err = r.start(stderr)
		}
		if err != nil && ctx.Err() == nil {
			return true, err
		}
	}
	if err := r.recover(ctx); err != nil && ctx.Err() == nil { // who interrupts gets what was seen until then
		return true, err
	}
	l.summarise(r.broker)
	return l.violated(), nil
}

// startMost is about how long a start takes here.
const startMost = 100 * time.Millisecond

// start runs the broker on the directory, unless it was spared. A Will may have
// to come due before.
func (r *run) start(stderr io.Writer) (err error) {
	if wait := time.Until(r.due); wait > 0 {
		<-time.After(wait) // the world goes on while the broker is down
	}
	r.due = time.Time{}
	if r.spare && r.broker != nil {
		r.ledger.rise()
		return nil
	}
	data := filepath.Join(r.dir, "data")
	if r.durability == none {
		data = ""
	}
	o := broker.Options{
		Binary: r.binary, Dir: r.dir, Args: []string{"--log-level", "warn", "--data-dir", data},
		Env: []string{"TROUPE_SHUTDOWN_GRACE_PERIOD=1s"}, Stderr: stderr,
	}
	if r.durability != none {
		o.Env = append(o.Env, "TROUPE_DURABILITY="+r.durability)
	}
	for r.broker != nil && r.chance.IntN(6) == 0 { // a crash while it recovers from one
		moment := time.Duration(r.chance.Int64N(int64(startMost)))
		if err := broker.Interrupt(o, moment); err != nil {
			return err
		}
		r.ledger.interrupt()
		r.say("killed again %s after its start", moment.Round(time.Millisecond))
	}
	began := time.Now()
	if r.broker, err = broker.Start(o); err != nil {
		return err
	}
	r.say("the broker listens after %s", time.Since(began).Round(time.Millisecond))
	r.ledger.rise()
	return nil
}

// live goes through one cycle, until the broker is gone and all of its clients
// know. A hasty one publishes before anything has recovered from the last crash.
func (r *run) live(ctx context.Context, cycle int, last bool) error {
	testament := cycle%r.wills == 1
	hasty := cycle > 1 && !last && !testament && r.chance.IntN(3) == 0
	moment := time.Duration(r.chance.Int64N(int64(r.load)))
	loading, stop := context.WithCancel(ctx)
	defer stop()
	if !hasty {
		if err := r.recover(ctx); err != nil {
			return err
		}
		if err := r.each(func(c *client) bool { return c.away }, func(c *client) error { return c.leave(c.chance.IntN(2) == 0) }); err != nil {
			return err
		}
		if testament {
			if err := r.bequeath(ctx, cycle/r.wills%2 == 0); err != nil {
				return err
			}
		}
	}
	var busy sync.WaitGroup
	for _, c := range r.cast {
		if c.mortal || c.away && !hasty {
			continue
		}
		busy.Go(func() {
			if !c.up {
				r.admit(loading, c)
			}
			switch {
			case !c.up:
			case c.publishes:
				c.publish(loading, r.rate/float64(max(1, r.clients/3)))
			case c.toggles:
				c.toggle(loading)
			}
		})
	}
	timer := time.NewTimer(moment)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.broker.Done(): // by itself, which Kill tells
	case <-ctx.Done():
	}
	if err := r.end(last); err != nil {
		return err
	}
	stop()
	busy.Wait()
	for _, c := range append(r.cast, r.reader) {
		if c == nil {
			continue
		}
		if c.mortal && c.up { // its Will is due from now on
			r.die(c)
		}
		if err := c.rest(); err != nil {
			return err
		}
	}
	r.reader = nil
	r.ledger.count(hasty, last)
	r.say("ended after %s of load%s: %s", moment.Round(time.Millisecond), map[bool]string{true: ", in haste"}[hasty], r.ledger.line())
	return nil
}

// end kills the broker, or stops it in good order at the end of all cycles. One
// that is spared goes on, and all connections end.
func (r *run) end(stop bool) error {
	r.ledger.fall()
	if r.spare {
		for _, c := range append(r.cast, r.reader) {
			if c != nil {
				c.drop()
			}
		}
		return nil
	}
	if stop {
		return r.broker.Stop()
	}
	return r.broker.Kill()
}

// recover looks at what is retained, lets everybody come back, and waits until
// all that was under way is done.
func (r *run) recover(ctx context.Context) error {
	if err := r.look(ctx); err != nil {
		return err
	}
	began := time.Now()
	if err := r.each(func(c *client) bool { return !c.mortal && !c.up }, func(c *client) error { r.admit(ctx, c); return nil }); err != nil {
		return err
	}
	r.ledger.settle(ctx, r.settle)
	r.say("recovered within %s", time.Since(began).Round(time.Millisecond))
	return ctx.Err()
}

// admit lets a client in. That it cannot come is the broker's fault, unless that
// is being killed.
func (r *run) admit(ctx context.Context, c *client) {
	if err := c.enter(ctx, r.broker.Address); err != nil && ctx.Err() == nil && !r.ledger.isDown() {
		r.ledger.violate(refused, "%v", err)
	}
}

// look reads what is retained, while nobody publishes. The reader stays, and
// judges what comes late.
func (r *run) look(ctx context.Context) error {
	c := newReader(r.settings, r.ledger, r.ledger.cycleNow())
	c.reading = r.ledger.read(c.own.name)
	r.admit(ctx, c)
	if !c.up {
		return ctx.Err()
	}
	r.reader = c
	if !r.ledger.await(ctx, r.settle, c.reading.whole) && ctx.Err() == nil {
		r.ledger.miss(c.reading)
	}
	return ctx.Err()
}

// bequeath connects the client that has a Will. It vanishes at once, so that the
// Will comes due while the broker is down, or stays to see the crash.
func (r *run) bequeath(ctx context.Context, vanish bool) error {
	for _, c := range r.cast {
		if !c.mortal {
			continue
		}
		c.delay = 1 + int((r.load+time.Second-1)/time.Second) // not before the crash
		will := r.ledger.will(c.testament())
		c.will, c.last = will.Append(nil, 0), will
		r.admit(ctx, c)
		if !c.up {
			continue
		}
		if vanish {
			r.die(c)
			r.due = time.Now().Add(time.Duration(c.delay) * time.Second)
			if err := c.leave(false); err != nil {
				return err
			}
		}
	}
	return nil
}

// die notes that a client has vanished: its Will must come.
func (r *run) die(c *client) {
	c.wire.left.Store(true)
	r.ledger.acknowledge(c.last)
}

// each does something with some clients, all at the same time.
func (r *run) each(which func(*client) bool, do func(*client) error) error {
	var busy sync.WaitGroup
	var mu sync.Mutex
	var all error
	for _, c := range r.cast {
		if which(c) {
			busy.Go(func() {
				err := do(c)
				mu.Lock()
				defer mu.Unlock()
				all = errors.Join(all, err)
			})
		}
	}
	busy.Wait()
	return all
}

// say tells what happens, if that is wanted.
func (r *run) say(format string, a ...any) {
	if r.verbose {
		fmt.Fprintf(r.out, "%8.3fs cycle %d: %s\n", time.Since(r.ledger.began).Seconds(), r.ledger.cycleNow(), fmt.Sprintf(format, a...))
	}
}
