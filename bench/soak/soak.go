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
	"github.com/troupemq/troupe/bench/internal/message"
	"github.com/troupemq/troupe/protocol/packet"
)

// soak runs everything and tells whether something was violated.
func soak(ctx context.Context, s settings, out io.Writer) (violated bool, err error) {
	var own *broker.Process
	if s.target == "" {
		dir, err := os.MkdirTemp("", "soak")
		if err != nil {
			return false, err
		}
		defer os.RemoveAll(dir)
		if own, err = startBroker(ctx, dir, s.binary); err != nil {
			return false, err
		}
		s.target = own.Address
		defer func() { err = errors.Join(err, own.Stop()) }()
	}
	fmt.Fprintf(out, "soak: %d clients at %s for %s, seed %d\n", s.clients, s.target, s.duration, s.seed)
	l := newLedger(out, s.clients)
	ready, talk, quiet := new(sync.WaitGroup), make(chan struct{}), make(chan struct{})
	living, die := context.WithCancel(ctx)
	defer die()
	var alive sync.WaitGroup
	for n := range s.clients {
		c := newClient(s, l, n)
		c.ready, c.talk, c.quiet = ready, talk, quiet
		ready.Add(1)
		alive.Go(func() { c.run(living) })
	}
	ready.Wait()
	close(talk)

	progress := time.NewTicker(10 * time.Second)
	defer progress.Stop()
	over := time.After(s.duration)
	for ctx.Err() == nil && over != nil {
		select {
		case <-ctx.Done():
		case <-over:
			over = nil
		case <-progress.C:
			fmt.Fprintf(out, "%8.0fs %s\n", time.Since(l.began).Seconds(), l.line(own))
		}
	}
	close(quiet)
	l.settle(s.settle)
	die()
	alive.Wait()
	l.summarise(own)
	return l.violations.Load() > 0, nil
}

// startBroker runs the binary, of this tree if none is given, in a directory.
func startBroker(ctx context.Context, dir, binary string) (_ *broker.Process, err error) {
	if binary == "" {
		binary, err = broker.Build(ctx, dir)
	} else {
		binary, err = filepath.Abs(binary)
	}
	if err != nil {
		return nil, err
	}
	return broker.Start(broker.Options{Binary: binary, Dir: dir, Args: []string{"--log-level", "warn"}, Stderr: os.Stderr})
}

// newClient draws up one client: who it listens to, and how.
func newClient(s settings, l *ledger, n int) *client {
	c := &client{
		number: n, id: "soak-" + strconv.FormatUint(s.seed, 36) + "-" + strconv.Itoa(n), root: "soak/" + strconv.FormatUint(s.seed, 36),
		address: s.target, version: packet.V5, lasting: n%10 != 9, ledger: l,
		chance: rand.New(rand.NewPCG(s.seed, uint64(n))), pace: time.Duration(float64(time.Second) / s.rate),
	}
	if n%3 == 0 {
		c.version = packet.V311
	}
	c.inbox = newInbox(c.id, c.lasting, true)
	l.inboxes = append(l.inboxes, c.inbox)
	listen := func(filter string, qos int) {
		c.plan = append(c.plan, packet.TopicFilter{Filter: []byte(filter), SubscriptionOptions: packet.SubscriptionOptions{QoS: packet.QoS(qos)}})
	}
	for _, publisher := range []int{n, (n + 1) % s.clients, (n + 7) % s.clients} {
		if _, twice := c.inbox.granted[publisher]; twice {
			continue
		}
		qos := (n + publisher) % 3
		granted := [topics]int{qos, qos, -1}
		if c.chance.IntN(2) == 0 {
			listen(topicName(c.root, publisher, 0), qos)
			listen("+/+/"+strconv.Itoa(publisher)+"/1", qos)
		} else {
			listen(topicName(c.root, publisher, 0), 2) // of two that match, the higher
			granted[0] = 2
			listen(topicName(c.root, publisher, 1), qos)
			listen("soak/+/"+strconv.Itoa(publisher)+"/0", qos)
		}
		c.inbox.granted[publisher] = granted
	}
	if c.lasting {
		listen("$share/soak/"+c.root+"/+/"+strconv.Itoa(sharedTopic), 2)
	}
	return c
}

// settle waits until all that is open is done and has come.
func (l *ledger) settle(most time.Duration) {
	deadline := time.Now().Add(most)
	for time.Now().Before(deadline) {
		if l.figures.open.Load() == 0 && l.missing(nil) == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (l *ledger) line(own *broker.Process) string {
	f := &l.figures
	return fmt.Sprintf("connects %d (resumed %d, takeovers %d), published %d, received %d, open %d, violations %d, broker holds %s",
		f.connects.Load(), f.resumes.Load(), f.takeovers.Load(), sum(&f.published), sum(&f.received), f.open.Load(), l.violations.Load(), own.Memory())
}

// summarise judges what is missing and tells the figures.
func (l *ledger) summarise(own *broker.Process) {
	if open := l.figures.open.Load(); open != 0 {
		l.violate("%d messages were never acknowledged", open)
	}
	l.missing(func(in *inbox, m message.Message) { l.violate("%s never got %+v", in.name, m) })
	f := &l.figures
	fmt.Fprintf(l.out, "soak: %s\n", time.Since(l.began).Round(time.Millisecond))
	fmt.Fprintf(l.out, "  connections  %d, resumed %d, taken over %d, cut %d, with DISCONNECT %d\n",
		f.connects.Load(), f.resumes.Load(), f.takeovers.Load(), f.cuts.Load(), f.farewells.Load())
	for qos := range 3 {
		fmt.Fprintf(l.out, "  QoS %d        published %d, acknowledged %d, received %d, of these again %d\n",
			qos, f.published[qos].Load(), f.acknowledged[qos].Load(), f.received[qos].Load(), f.redelivered[qos].Load())
	}
	fmt.Fprintf(l.out, "  memory       %s\n", own.Memory())
	fmt.Fprintf(l.out, "  violations   %d\n", l.violations.Load())
}
