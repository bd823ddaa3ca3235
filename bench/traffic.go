package bench

import (
	"fmt"
	"net"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/troupemq/troupe/bench/internal/client"
	"github.com/troupemq/troupe/protocol/packet"
)

// traffic is a Traffic at work.
type traffic struct {
	Traffic
	clock       clock
	publishers  []*publisher
	subscribers []*subscriber
	latencies   *recorder // nil: nobody asks
	stopping    atomic.Bool
	stopped     chan struct{} // closed with it
}

// copies is how many subscribers get each message of publisher i.
func (t Traffic) copies(i int) int {
	if t.Filters > 0 || t.Subscribers <= t.Publishers {
		return 1
	}
	return (t.Subscribers-i-1)/t.Publishers + 1
}

// topics are the Topic Names of publisher i. With Filters each message has a Topic Name that one filter alone matches, and
// neighbours in turn are of different subscribers.
func (t Traffic) topics(i int) []string {
	names := make([]string, t.Topics)
	for k := range names {
		names[k] = fmt.Sprintf("%s/%d/%d", t.Name, i, k)
		if t.Filters > 0 {
			names[k] = fmt.Sprintf("%s/%d/%d/value", t.Name, i, i*t.Topics+k)
		}
	}
	return names
}

// filters are the Topic Filters of subscriber j. With Filters half of them have their wildcard before the level that tells
// them apart and half behind it, so that every match has to look both ways.
func (t Traffic) filters(j int) (filters []string) {
	for m := range t.Filters {
		flow := m*t.Subscribers + j
		if m%2 == 0 {
			filters = append(filters, fmt.Sprintf("%s/+/%d/value", t.Name, flow))
		} else {
			filters = append(filters, fmt.Sprintf("%s/%d/%d/+", t.Name, flow/t.Topics, flow))
		}
	}
	if t.Filters > 0 {
		return filters
	}
	for i := range t.Publishers {
		if i%t.Subscribers == j%t.Publishers || j%t.Publishers == i {
			filters = append(filters, t.topics(i)...)
		}
	}
	return filters
}

// slot is the place of a flow among those of subscriber j, in which slots are numbered from 0; ok is false if the subscriber
// should get nothing of it.
func (t *traffic) slot(j int, flow uint32) (slot, publisher int, ok bool) {
	topics := uint32(t.Topics)
	i := flow / topics
	switch {
	case i >= uint32(t.Publishers):
		return 0, 0, false
	case t.Filters > 0:
		subscribers := uint32(t.Subscribers)
		return int(flow / subscribers), int(i), flow%subscribers == uint32(j)
	case t.Subscribers > t.Publishers:
		return int(flow % topics), int(i), uint32(j)%uint32(t.Publishers) == i
	}
	subscribers := uint32(t.Subscribers)
	return int(i/subscribers*topics + flow%topics), int(i), i%subscribers == uint32(j)
}

// slots is how many flows subscriber j may get.
func (t Traffic) slots(j int) int {
	switch {
	case t.Filters > 0:
		return t.Filters
	case t.Subscribers > t.Publishers:
		return t.Topics
	}
	return ((t.Publishers-j-1)/t.Subscribers + 1) * t.Topics
}

// connect brings up client n: the subscribers come first. Different n may be connected at once.
func (t *traffic) connect(n int, dial func(client.Options) (*client.Client, error)) error {
	if n < t.Subscribers {
		o := client.Options{ID: fmt.Sprintf("%s-sub-%d", t.Name, n), Version: t.SubscribeVersion}
		if t.ReadRate > 0 {
			o.ReceiveBuffer = 64 << 10
			o.ReadSize = max(2*(t.Payload+64), int(t.ReadRate/50)*(t.Payload+64))
		}
		c, err := dial(o)
		if err != nil {
			return err
		}
		t.subscribers[n] = newSubscriber(t, c, n)
		return c.Subscribe(t.SubscribeQoS, t.filters(n)...)
	}
	i := n - t.Subscribers
	c, err := dial(client.Options{ID: fmt.Sprintf("%s-pub-%d", t.Name, i), Version: t.PublishVersion})
	if err != nil {
		return err
	}
	p := newPublisher(t, c, i)
	t.publishers[i] = p
	if t.PublishQoS > c.MaximumQoS {
		return fmt.Errorf("%s: the broker takes QoS %d at most, and the workload wants %d", c.ID, c.MaximumQoS, t.PublishQoS)
	}
	if size := p.burst.Largest(); size > c.MaximumPacketSize {
		return fmt.Errorf("%s: the broker takes packets of %d bytes at most, and those of the workload have %d",
			c.ID, c.MaximumPacketSize, size)
	}
	return nil
}

// pace lets the publishers of an open loop send in turn, one message at each due time, however late the last one was. One
// thread does it for all, so that it can be on time.
func (t *traffic) pace() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := t.clock.now()
	for n := 0; !t.stopping.Load(); n++ {
		due := began + int64(float64(n)*float64(time.Second)/t.Rate)
		for wait := t.clock.until(due); wait > 0; wait = t.clock.until(due) {
			if t.stopping.Load() {
				return nil
			}
			sleep(min(wait, 100*time.Millisecond))
		}
		if err := t.publishers[n%len(t.publishers)].due(due); err != nil {
			return err
		}
	}
	return nil
}

// stop ends the publishing. Subscribers go on, as fast as they can.
func (t *traffic) stop() {
	if t.stopping.Swap(true) {
		return
	}
	close(t.stopped)
	for _, p := range t.publishers {
		if p != nil {
			p.nudge()
		}
	}
}

// close ends all connections, and with them whoever reads or writes.
func (t *traffic) close() {
	t.stop()
	for _, p := range t.publishers {
		if p != nil {
			p.client.Close()
		}
	}
	for _, s := range t.subscribers {
		if s != nil {
			s.client.Close()
		}
	}
}

// arrived is how many copies have come so far.
func (t *traffic) arrived() (n int64) {
	for _, s := range t.subscribers {
		n += s.delivered.Load()
	}
	return n
}

// delivery sums up what came of what was sent so far.
func (t *traffic) delivery() Delivery {
	d := Delivery{Traffic: t.Name}
	for i, p := range t.publishers {
		sent, refused := p.total.Load(), p.refused.Load()
		d.Sent += sent
		d.Refused += refused
		d.Expected += (sent - refused) * int64(t.copies(i))
		if t.PublishQoS > packet.QoS0 {
			d.Unacknowledged += max(0, sent-p.acks.count.Load())
		}
	}
	for _, s := range t.subscribers {
		d.Delivered += s.delivered.Load()
		d.Duplicated += s.duplicated.Load()
		d.Reordered += s.reordered.Load()
		d.Misrouted += s.misrouted.Load()
	}
	if t.Payload < client.Stamp && d.Delivered > d.Expected { // all that can be told of them
		d.Duplicated += d.Delivered - d.Expected
		d.Delivered = d.Expected
	}
	d.Lost = max(0, d.Expected-d.Delivered)
	return d
}

// source is the local address of client n where a target of the loopback allows many, so that ports last.
func source(n, addresses int) net.IP {
	n %= addresses
	return net.IPv4(127, byte(n>>16), byte(n>>8), byte(n)+1)
}
