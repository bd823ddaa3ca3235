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

// shareFigures are the bounds of the instance and how often they held somebody
// up, for $SYS. What is used of most of them is counted there already.
func (t *tree) shareFigures() []sys.Figure {
	bound := func(key string, value func() int64) sys.Figure {
		return sys.Figure{Topic: "limits/" + key, Value: value}
	}
	fixed := func(n int64) func() int64 { return func() int64 { return n } }
	c := &t.broker.config // before anybody can change it
	held := func() rate.Figures { return t.rate.Figures(time.Now().UnixMilli()) }
	list := []sys.Figure{
		bound("connections", fixed(int64(c.Limits.MaxConnections))),
		bound("rate/messages", func() int64 { messages, _ := t.rate.Bounds(); return messages }),
		bound("rate/bytes", func() int64 { _, bytes := t.rate.Bounds(); return bytes }),
		bound("queued/messages", fixed(int64(c.Session.Total.MaxMessages))),
		bound("queued/bytes", fixed(int64(c.Session.Total.MaxBytes))),
		bound("queued/memory", fixed(int64(c.Session.Total.Memory))),
		bound("retained/messages", fixed(int64(c.Retained.MaxMessages))),
		bound("retained/bytes", fixed(int64(c.Retained.MaxBytes))),
		bound("retained/memory", fixed(int64(c.Retained.Memory))),
		bound("disk", t.maxDisk.Load),
		{Topic: "slowed/waiting", Value: func() int64 { return held().Waiting }},
		{Topic: "slowed/count", Value: func() int64 { return held().Episodes }},
		{Topic: "slowed/milliseconds", Value: func() int64 { return held().Time.Milliseconds() }},
	}
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
