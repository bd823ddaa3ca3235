package troupe

import (
	"time"

	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/sys"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/rate"
)

// setShares puts in force what can change while the instance runs.
func (t *tree) setShares(c *configs.Config) {
	t.rate.Set(int64(c.Limits.Rate.MessagesPerSecond), int64(c.Limits.Rate.BytesPerSecond))
	if bounded, ok := t.storage.bounded(); ok {
		bounded.SetMaxDisk(int64(c.Persistence.MaxDisk))
	}
	t.maxDisk.Store(int64(c.Persistence.MaxDisk))
}

// boundedStore is a store that may take no more than so much.
type boundedStore interface {
	SetMaxDisk(bytes int64)
	Taken() int64
	Tight() error
}

// bounded is the store, if it knows bounds.
func (s *storage) bounded() (boundedStore, bool) {
	if s == nil {
		return nil, false
	}
	b, ok := s.store.(boundedStore)
	return b, ok
}

// tight tells whether the store has little room left, and has it looked after
// then, so that what Clients take gives its space back.
func (s *storage) tight() error {
	b, ok := s.bounded()
	if !ok {
		return nil
	}
	err := b.Tight()
	if err != nil && !s.pressing.Swap(true) {
		select {
		case s.pressed <- struct{}{}:
		default:
		}
	}
	return err
}

// maintainTight is how often a store with little room is looked after.
const maintainTight = 5 * time.Second

// maintainAgain is when the store is to be looked after again.
func (s *storage) maintainAgain() time.Duration {
	if b, ok := s.bounded(); ok && b.Tight() != nil {
		return maintainTight
	}
	s.pressing.Store(false)
	return maintainEvery
}

// share is one thing of which the instance may use so much.
type share struct {
	key, unit string       // in the configuration; of what is used, and of the limit
	topic     string       // of the limit, below $SYS/broker/limits/; empty: it is none of these
	limit     func() int64 // 0: there is no bound
	used      func() int64 // nil: it is a rate, which pace measures
	reached   func() int64 // nil: that is not counted
}

// listShares lists them, before anybody can change the configuration.
func (t *tree) listShares() []share {
	c, n := &t.broker.config, t.counters
	fixed := func(limit int64) func() int64 { return func() int64 { return limit } }
	held := func() int64 { return t.rate.Figures(time.Now().UnixMilli()).Episodes }
	list := []share{
		{key: "limits.max_connections", unit: "connections", topic: "connections", limit: fixed(int64(c.Limits.MaxConnections)), used: n.ConnectionsOpen.Load},
		{key: "limits.rate.messages_per_second", unit: perSecondMessages, topic: "rate/messages", limit: func() int64 { messages, _ := t.rate.Bounds(); return messages }, reached: held},
		{key: "limits.rate.bytes_per_second", unit: perSecondBytes, topic: "rate/bytes", limit: func() int64 { _, bytes := t.rate.Bounds(); return bytes }, reached: held},
		{key: "session.total.max_messages", unit: "messages", topic: "queued/messages", limit: fixed(int64(c.Session.Total.MaxMessages)), used: n.MessagesQueued.Load},
		{key: "session.total.max_bytes", unit: "bytes", topic: "queued/bytes", limit: fixed(int64(c.Session.Total.MaxBytes)), used: n.BytesQueued.Load},
		{key: "session.total.memory", unit: "bytes", topic: "queued/memory", limit: fixed(int64(c.Session.Total.Memory)), used: n.BytesResident.Load},
		{key: "retained.max_messages", unit: "messages", topic: "retained/messages", limit: fixed(int64(c.Retained.MaxMessages)), used: n.RetainedForClients},
		{key: "retained.max_bytes", unit: "bytes", topic: "retained/bytes", limit: fixed(int64(c.Retained.MaxBytes)), used: n.RetainedBytesForClients},
		{key: "retained.memory", unit: "bytes", topic: "retained/memory", limit: fixed(int64(c.Retained.Memory)), used: n.RetainedResident.Load},
	}
	if s, ok := t.storage.bounded(); ok {
		list = append(list, share{key: "persistence.max_disk", unit: "bytes", limit: t.maxDisk.Load, used: s.Taken, reached: n.StoreFull.Load})
	}
	return list
}

// shareFigures are the bounds of the instance and how often they held somebody
// up, for $SYS. What is used of most of them is counted there already.
func (t *tree) shareFigures() []sys.Figure {
	var list []sys.Figure
	for _, s := range t.shares {
		if s.topic != "" {
			list = append(list, sys.Figure{Topic: "limits/" + s.topic, Value: s.limit})
		}
	}
	held := func() rate.Figures { return t.rate.Figures(time.Now().UnixMilli()) }
	list = append(list,
		sys.Figure{Topic: "limits/disk", Value: t.maxDisk.Load},
		sys.Figure{Topic: "slowed/waiting", Value: func() int64 { return held().Waiting }},
		sys.Figure{Topic: "slowed/count", Value: func() int64 { return held().Episodes }},
		sys.Figure{Topic: "slowed/milliseconds", Value: func() int64 { return held().Time.Milliseconds() }},
	)
	if s, ok := t.storage.bounded(); ok {
		list = append(list, sys.Figure{Topic: "storage/bytes", Value: s.Taken})
	}
	return list
}

// slowed logs that the rate of the instance is used up, and once that is over for
// how long it was.
func (t *tree) slowed(over bool, waited time.Duration) {
	messages, bytes := t.rate.Bounds()
	bounds := []zap.Field{zap.Int64("messages_per_second", messages), zap.Int64("bytes_per_second", bytes)}
	if over {
		t.broker.log.Info("limits.rate is not used up any more", append(bounds, zap.Duration("slowed_for", waited))...)
		return
	}
	t.broker.log.Warn("limits.rate is used up: who sends is read from later", bounds...)
}

// reloadShares changes what can be changed of the instance's shares.
func (b *Broker) reloadShares(t *tree, c *configs.Config) {
	t.setShares(c)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.config.Limits.Rate = c.Limits.Rate
	b.config.Persistence.MaxDisk = c.Persistence.MaxDisk
}
