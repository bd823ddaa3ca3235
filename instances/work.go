package instances

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/configs"
)

// launch starts a broker, tells the actor, and tells it again when that has
// ended.
func (s *Supervisor) launch(ctx context.Context, number uint64, c configs.Config, made broker, director *actor.PID) {
	b, err := s.begin(ctx, c, made)
	if err == nil {
		s.system.Send(director, &up{number, b})
		<-b.Done()
		err = b.Err()
	} else if ctx.Err() != nil {
		err = errAbandoned
	}
	s.system.Send(director, &down{number, err})
}

// begin starts a broker. Not all are started at once.
func (s *Supervisor) begin(ctx context.Context, c configs.Config, b broker) (_ broker, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			s.o.Log.Error("starting an instance failed", zap.String("instance", c.Name), zap.Any("reason", reason), zap.ByteString("stack", debug.Stack()))
			err = fmt.Errorf("the start failed, which is a fault of this program: %v", reason)
		}
	}()
	select {
	case s.slots <- 0:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if b == nil {
		if b, err = s.make(c); err != nil {
			return nil, err
		}
	}
	return b, b.Start(ctx)
}

// shut ends a broker, at once if all have to hurry.
func (s *Supervisor) shut(b broker) { _ = b.Shutdown(s.life) }
