package bench

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/troupemq/troupe/bench/internal/client"
	"github.com/troupemq/troupe/protocol/packet"
)

// never is a target that no counter reaches.
const never = math.MaxInt64

// publisher is one of a traffic. What it keeps is its own goroutine's; the counters are what its subscribers and the reader
// of its acknowledgements tell it.
type publisher struct {
	traffic *traffic
	client  *client.Client
	burst   *client.Burst
	copies  int64 // of each message, to as many subscribers
	limit   int64 // messages of QoS 1 and 2 that the broker takes unacknowledged
	batch   int64 // messages at least to be written at once in a closed loop
	quota   int64 // the same of the limit

	sent     int64
	excused  int64 // messages whose acknowledgement is no longer waited for
	forgiven int64 // copies that are no longer waited for
	total    atomic.Int64
	credit   progress // copies that came, or that later ones showed to be missing
	acks     progress // messages acknowledged
	refused  atomic.Int64

	wake    chan struct{}
	waiting atomic.Bool
	forgive atomic.Bool // asked for by the overseer: nothing has come for long
	stale   staleness   // the overseer's
}

// progress is a counter that somebody may wait for.
type progress struct {
	count  atomic.Int64
	target atomic.Int64
}

// add counts n more, and tells whether that reached the target.
func (p *progress) add(n int64) bool {
	count := p.count.Add(n)
	target := p.target.Load()
	return count >= target && count-n < target
}

func newPublisher(t *traffic, c *client.Client, i int) *publisher {
	p := &publisher{traffic: t, client: c, copies: int64(t.copies(i)), limit: never, wake: make(chan struct{}, 1)}
	if t.PublishQoS > packet.QoS0 {
		p.limit = int64(c.ReceiveMaximum)
	}
	p.batch = max(1, int64(t.Window)/4)
	if p.copies > 1 {
		p.batch = int64(t.Window) // all receivers have everything
	}
	if t.Press {
		p.batch = 1
	}
	p.quota = max(1, min(p.batch, p.limit/4))
	p.credit.target.Store(never)
	p.acks.target.Store(never)
	many := t.Window
	if t.Loop == Open {
		many = 1
	}
	p.burst = client.NewBurst(t.PublishVersion, t.PublishQoS, t.topics(i), uint32(i*t.Topics), t.Payload, many)
	return p
}

// credited tells the publisher that n more copies need not be waited for.
func (p *publisher) credited(n int64) {
	if p.credit.add(n) {
		p.nudge()
	}
}

func (p *publisher) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// publish writes n messages that are stamped with their time.
func (p *publisher) publish(n, stamp int64) error {
	for n > 0 {
		b, count := p.burst.Take(int(n), stamp)
		p.sent += int64(count)
		p.total.Store(p.sent)
		if _, err := p.client.Write(b); err != nil {
			return err
		}
		n -= int64(count)
	}
	return nil
}

// closed keeps as many messages on the way as the window allows, until the traffic stops.
func (p *publisher) closed() error {
	for {
		n := p.room()
		if n == 0 {
			return nil
		}
		if err := p.publish(n, p.traffic.clock.now()); err != nil {
			return err
		}
	}
}

// room waits until messages may be sent and returns how many, 0 when the traffic stops.
func (p *publisher) room() int64 {
	for !p.traffic.stopping.Load() {
		p.settle()
		if n := p.free(); n > 0 {
			return n
		}
		p.aim()
		if p.free() == 0 { // once more, or a credit that came before the aim would wake nobody
			p.wait()
		}
	}
	return 0
}

// free is how many messages may be sent now: none as long as less than a batch is free, since ever smaller batches would
// measure system calls.
func (p *publisher) free() int64 {
	window := int64(p.traffic.Window)
	if !p.traffic.Press {
		window -= (p.copiesOnTheWay() + p.copies - 1) / p.copies
	}
	quota := p.limit - p.unacknowledged()
	if window < p.batch || quota < p.quota {
		return 0
	}
	return min(window, quota)
}

// aim sets the counters that are to wake the publisher.
func (p *publisher) aim() {
	p.credit.target.Store(never)
	p.acks.target.Store(never)
	if missing := p.quota - (p.limit - p.unacknowledged()); missing > 0 {
		p.acks.target.Store(p.acks.count.Load() + missing)
		return
	}
	p.credit.target.Store((p.sent-int64(p.traffic.Window)+p.batch)*p.copies - p.forgiven)
}

// settle takes in what is no longer waited for, and what came after all.
func (p *publisher) settle() {
	if p.forgive.Swap(false) {
		p.forgiven += p.copiesOnTheWay()
		p.excused += p.unacknowledged()
	}
	if way := p.copiesOnTheWay(); way < 0 {
		p.forgiven += way
	}
	if p.limit != never {
		if owed := p.sent - p.acks.count.Load() - p.excused; owed < 0 {
			p.excused += owed
		}
	}
}

func (p *publisher) copiesOnTheWay() int64 {
	return p.sent*p.copies - p.credit.count.Load() - p.forgiven
}

func (p *publisher) unacknowledged() int64 {
	if p.limit == never {
		return 0
	}
	return max(0, p.sent-p.acks.count.Load()-p.excused)
}

func (p *publisher) wait() {
	p.waiting.Store(true)
	<-p.wake
	p.waiting.Store(false)
}

// due sends one message that was due at stamp, as soon as the broker takes it.
func (p *publisher) due(stamp int64) error {
	for p.unacknowledged() >= p.limit && !p.traffic.stopping.Load() {
		p.settle()
		p.acks.target.Store(p.acks.count.Load() + 1)
		if p.unacknowledged() >= p.limit {
			p.wait()
		}
	}
	if p.traffic.stopping.Load() {
		return nil
	}
	return p.publish(1, stamp)
}

// answer reads what the broker says to the publisher, and at QoS 2 releases, until the connection ends.
func (p *publisher) answer() error {
	var replies []byte
	for {
		b, err := p.client.Read()
		if err != nil {
			return err
		}
		at, acked := 0, int64(0)
		for {
			n, err := client.FrameSize(b[at:])
			if err != nil {
				return err
			}
			if n == 0 || at+n > len(b) {
				break
			}
			frame := b[at : at+n]
			at += n
			switch packet.Type(frame[0] >> 4) {
			case packet.TypePuback, packet.TypePubcomp:
				acked++
				p.judge(frame)
			case packet.TypePubrec:
				if p.judge(frame) {
					acked++ // refused: that was the end of it
					continue
				}
				replies = append(replies, byte(packet.TypePubrel)<<4|2, 2, frame[2], frame[3])
			case packet.TypeDisconnect:
				return client.Disconnected(frame, p.client.Version)
			}
		}
		p.client.Consume(at)
		if acked > 0 && p.acks.add(acked) {
			p.nudge()
		}
		if len(replies) > 0 {
			if _, err := p.client.Write(replies); err != nil {
				return err
			}
			replies = replies[:0]
		}
	}
}

// judge tells whether an acknowledgement of MQTT 5 says that the message was refused.
func (p *publisher) judge(frame []byte) (refused bool) {
	if len(frame) < 5 || !packet.ReasonCode(frame[4]).IsError() {
		return false
	}
	p.refused.Add(1)
	return true
}

// clock counts nanoseconds from a moment, monotonically.
type clock struct{ began time.Time }

func (c clock) now() int64                  { return int64(time.Since(c.began)) }
func (c clock) until(t int64) time.Duration { return time.Duration(t - c.now()) }
