package main

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupemq/troupe/protocol/packet"
)

// payloadSize is that of every message, in bytes; it holds the time at which
// the message was due.
const payloadSize = 128

// workload is pairs of publishers and subscribers, each pair on its own topic,
// or one publisher to many.
type workload struct {
	name        string
	publishers  int
	subscribers int // of each publisher's topic
	qos         packet.QoS
	window      int     // messages on the way per publisher; closed loop
	rate        float64 // messages per second over all publishers; open loop when above 0
	flood       bool    // workload A runs beside it, and is not counted
}

func workloads() []workload {
	return []workload{
		{name: "A", publishers: 50, subscribers: 1, window: 1000},
		{name: "B", publishers: 50, subscribers: 1, qos: 1, window: 100},
		{name: "C", publishers: 50, subscribers: 1, qos: 2, window: 100},
		{name: "D", publishers: 1, subscribers: 500, window: 100},
		{name: "G", publishers: 50, subscribers: 1, qos: 1, rate: 10_000},
		{name: "fair", publishers: 5, subscribers: 1, qos: 1, rate: 5_000, flood: true},
	}
}

// pair is one publisher and the subscribers of its topic.
type pair struct {
	workload  *workload
	publisher *client
	receivers []*client
	sent      atomic.Int64
	credit    chan int // messages that all receivers have got
	arrived   atomic.Int64
	delays    []time.Duration // of the only receiver; open loop
}

// connect brings up the clients of a workload.
func connect(w *workload, address, prefix string) ([]*pair, error) {
	pairs := make([]*pair, w.publishers)
	for i := range pairs {
		p := &pair{workload: w, credit: make(chan int, 4096), delays: make([]time.Duration, 0, 1<<12)}
		pairs[i] = p
		topic := fmt.Sprintf("%s/%d", prefix, i)
		for j := range w.subscribers {
			r, err := dial(address, fmt.Sprintf("%s-sub-%d-%d", prefix, i, j))
			if err != nil {
				return pairs[:i], err
			}
			p.receivers = append(p.receivers, r)
			if err := r.subscribe(topic, w.qos); err != nil {
				return pairs[:i], err
			}
		}
		var err error
		if p.publisher, err = dial(address, fmt.Sprintf("%s-pub-%d", prefix, i)); err != nil {
			return pairs[:i], err
		}
		p.publisher.topic = topic
	}
	return pairs, nil
}

func disconnect(pairs []*pair) {
	for _, p := range pairs {
		p.publisher.close()
		for _, r := range p.receivers {
			r.close()
		}
	}
}

func measure(b broker, w workload, length time.Duration) (result, error) {
	cmd, address, err := b.start()
	if err != nil {
		return result{}, err
	}
	defer stop(cmd)
	pairs, err := connect(&w, address, "bench")
	defer func() { disconnect(pairs) }()
	if err != nil {
		return result{}, err
	}
	if w.flood {
		flood, err := connect(&workloads()[0], address, "flood")
		defer func() { disconnect(flood) }()
		if err != nil {
			return result{}, err
		}
		for _, p := range flood {
			go p.publisher.answer()
			go p.receive(p.receivers[0])
			go p.publishAll(time.Now().Add(length))
		}
	}

	before, err := cpu(cmd.Process.Pid)
	if err != nil {
		return result{}, err
	}
	began := time.Now()
	end := began.Add(length)
	var work, receive sync.WaitGroup
	for _, p := range pairs {
		go p.publisher.answer()
		for _, r := range p.receivers {
			receive.Go(func() { p.receive(r) })
		}
	}
	if w.rate > 0 {
		work.Go(func() { publishEvery(pairs, began, time.Duration(float64(time.Second)/w.rate), end) })
	} else {
		for _, p := range pairs {
			work.Go(func() { p.publishAll(end) })
		}
	}
	work.Wait()
	took := time.Since(began)
	var r result
	wanted := int64(0)
	for _, p := range pairs {
		wanted += p.sent.Load() * int64(len(p.receivers))
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		r.delivered = 0
		for _, p := range pairs {
			r.delivered += p.arrived.Load()
		}
		if r.delivered >= wanted {
			break
		}
	}
	after, err := cpu(cmd.Process.Pid)
	if err != nil {
		return result{}, err
	}
	r.lost = wanted - r.delivered
	r.rate = float64(r.delivered) / took.Seconds()
	r.cost = (after - before).Seconds() / float64(r.delivered) * 1e6
	for _, p := range pairs {
		for _, c := range p.receivers {
			c.close()
		}
	}
	receive.Wait()
	if w.rate > 0 {
		var delays []time.Duration
		for _, p := range pairs {
			delays = append(delays, p.delays...)
		}
		slices.Sort(delays)
		at := func(q float64) time.Duration { return delays[int(q*float64(len(delays)-1))] }
		r.p50, r.p99, r.p999 = at(0.5), at(0.99), at(0.999)
	}
	return r, nil
}

// publishAll keeps as many messages on the way as the window allows.
func (p *pair) publishAll(end time.Time) {
	free := p.workload.window
	for time.Now().Before(end) {
		for free == 0 || len(p.credit) > 0 {
			select {
			case n := <-p.credit:
				free += n
			case <-time.After(time.Until(end) + time.Second):
				return
			}
		}
		p.sent.Add(int64(free))
		if p.publisher.publish(p.workload.qos, free, time.Time{}) != nil {
			return
		}
		free = 0
	}
}

// publishEvery lets the publishers send in turn, one message at each due time,
// however late the last one was, and notes the due time in it. One thread does
// it for all, so that it can be on time.
func publishEvery(pairs []*pair, due time.Time, every time.Duration, end time.Time) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for i := 0; due.Before(end); i++ {
		p := pairs[i%len(pairs)]
		sleep(time.Until(due))
		p.sent.Add(1)
		if p.publisher.publish(p.workload.qos, 1, due) != nil {
			return
		}
		due = due.Add(every)
	}
}

// receive counts what comes and gives the publisher its credit: message by
// message with one receiver, with several once all have everything.
func (p *pair) receive(c *client) {
	for {
		n, delays, err := c.receive(p.workload.qos, p.workload.rate > 0)
		if n > 0 {
			total := p.arrived.Add(int64(n))
			p.delays = append(p.delays, delays...)
			switch {
			case p.workload.rate > 0:
			case len(p.receivers) == 1:
				p.credit <- n
			case total == p.sent.Load()*int64(len(p.receivers)):
				p.credit <- p.workload.window
			}
		}
		if err != nil {
			return
		}
	}
}
