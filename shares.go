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

// reloadRate changes the rate to the one of a configuration.
func (b *Broker) reloadRate(t *tree, c *configs.Config) {
	t.setRate(c.Limits.Rate)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.config.Limits.Rate = c.Limits.Rate
}
