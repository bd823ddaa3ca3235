package troupe

import (
	"time"

	"go.uber.org/zap"

	"github.com/troupemq/troupe/configs"
)

// setRate has all who send keep to a rate from now on.
func (t *tree) setRate(r configs.InstanceRate) {
	t.rate.Set(int64(r.MessagesPerSecond), int64(r.BytesPerSecond))
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
	t.setRate(c.Limits.Rate)
	if bounded, ok := t.storage.bounded(); ok {
		bounded.SetMaxDisk(int64(c.Persistence.MaxDisk))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.config.Limits.Rate = c.Limits.Rate
	b.config.Persistence.MaxDisk = c.Persistence.MaxDisk
}
