package troupe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/troupemq/troupe/internal/control"
)

// bridgesForControl tells a command how the bridges are.
func (b *Broker) bridgesForControl(context.Context) ([]control.Bridge, error) {
	all, err := b.Bridges()
	if err != nil {
		return nil, err
	}
	answer := make([]control.Bridge, len(all))
	for i, s := range all {
		answer[i] = control.Bridge{
			Name: s.Name, State: s.State, Upstream: s.Upstream, Since: happened(s.Since), Error: s.Error, ErrorAt: happened(s.ErrorAt),
			Switches: s.Switches, Retries: s.Retries, Upstreams: make([]control.Upstream, len(s.Upstreams)),
			Queued: s.Queued, QueuedBytes: s.QueuedBytes, Spooled: s.Spooled, QueuedAge: s.QueuedAge.Seconds(), Inflight: s.Inflight,
			Strained: s.Strained, Forwarded: s.Forwarded, Resent: s.Resent, Received: s.Received, BytesOut: s.BytesOut, BytesIn: s.BytesIn,
			Dropped: s.Dropped,
		}
		for j, u := range s.Upstreams {
			answer[i].Upstreams[j] = control.Upstream{Name: u.Name, State: u.State, Failures: u.Failures, RetryAt: happened(u.RetryAt), Error: u.Error}
		}
	}
	return answer, nil
}

// order does what a command asks of a bridge.
func (b *Broker) order(ctx context.Context, o control.Order) error {
	var err error
	switch o.Action {
	case "pause":
		err = b.PauseBridge(ctx, o.Bridge)
	case "resume":
		err = b.ResumeBridge(ctx, o.Bridge)
	case "switch":
		err = b.SwitchBridge(ctx, o.Bridge, o.To)
	case "drain":
		err = b.DrainBridge(ctx, o.Bridge)
	default:
		return fmt.Errorf("%w: %q is nothing that a bridge can be asked; allowed: %s", control.ErrUnknown, o.Action, strings.Join(control.Actions(), ", "))
	}
	if errors.Is(err, ErrNoBridge) {
		err = fmt.Errorf("%w: %w", control.ErrUnknown, err)
	}
	return err
}

// happened is nil for what has not.
func happened(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
