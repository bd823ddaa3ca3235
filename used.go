package troupe

import (
	"time"

	"github.com/troupemq/troupe/configs"
)

// sample is how much Clients had sent at one moment.
type sample struct {
	at              time.Time
	messages, bytes int64
}

// pace measures what Clients send a second, between one question and the next. It
// takes no timer of an instance that nobody asks.
type pace struct{ before, last sample }

// paceLeast is the shortest time that a rate is told of.
const paceLeast = time.Second

func newPace(now time.Time) pace {
	begun := sample{at: now}
	return pace{begun, begun}
}

// now tells the rate up to s: since the question before, unless that is so short
// ago that it would say little.
func (p *pace) now(s sample) (messages, bytes float64) {
	if s.at.Sub(p.last.at) >= paceLeast {
		p.before, p.last = p.last, s
	}
	passed := s.at.Sub(p.before.at)
	if passed < paceLeast {
		return 0, 0
	}
	return float64(s.messages-p.before.messages) / passed.Seconds(), float64(s.bytes-p.before.bytes) / passed.Seconds()
}

// used is what an instance uses of what it may use.
func (t *tree) used(c *configs.Config, p *pace, now time.Time) []InstanceShare {
	n := t.counters
	share := func(name, unit string, used float64, limit int64, reached ...int64) InstanceShare {
		s := InstanceShare{Name: name, Unit: unit, Used: used, Limit: float64(limit)}
		if len(reached) > 0 {
			s.Reached = &reached[0]
		}
		return s
	}
	held := func(name, unit string, used int64, limit int64, reached ...int64) InstanceShare {
		return share(name, unit, float64(used), limit, reached...)
	}
	messages, bytes := p.now(sample{now, n.PublishReceived.Load(), n.BytesReceived.Load()})
	waited := t.rate.Figures(now.UnixMilli()).Episodes
	all := []InstanceShare{
		held("limits.max_connections", "connections", n.ConnectionsOpen.Load(), int64(c.Limits.MaxConnections)),
		share("limits.rate.messages_per_second", "messages/s", messages, int64(c.Limits.Rate.MessagesPerSecond), waited),
		share("limits.rate.bytes_per_second", "bytes/s", bytes, int64(c.Limits.Rate.BytesPerSecond), waited),
		held("session.total.max_messages", "messages", n.MessagesQueued.Load(), int64(c.Session.Total.MaxMessages)),
		held("session.total.max_bytes", "bytes", n.BytesQueued.Load(), int64(c.Session.Total.MaxBytes)),
		held("session.total.memory", "bytes", n.BytesResident.Load(), int64(c.Session.Total.Memory)),
		held("retained.max_messages", "messages", n.RetainedForClients(), int64(c.Retained.MaxMessages)),
		held("retained.max_bytes", "bytes", n.RetainedBytesForClients(), int64(c.Retained.MaxBytes)),
		held("retained.memory", "bytes", n.RetainedResident.Load(), int64(c.Retained.Memory)),
	}
	if s, ok := t.storage.bounded(); ok {
		all = append(all, held("persistence.max_disk", "bytes", s.Taken(), int64(c.Persistence.MaxDisk), n.StoreFull.Load()))
	}
	return all
}
