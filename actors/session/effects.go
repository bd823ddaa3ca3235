package session

import (
	"context"
	"math"

	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/protocol/packet"
	core "github.com/troupemq/troupe/protocol/session"
)

// apply carries out what the core wanted since begin. Routing comes first:
// acknowledgements are written behind it, so that a Client that sees its
// PUBACK knows its message to be on the way.
func (s *Session) apply() {
	out := &s.env.out
	s.perform(out)
	if len(out.Redistribute) > 0 {
		s.publishing().Redistribute(out.Redistribute)
	}
	if out.Authenticate != nil {
		s.judge(out.Authenticate)
	}
	s.deny(out.Denied)
	s.count(&out.Counts)
	s.tell(out)
	s.guard(out)
	s.keep(out)
	if s.packets != nil && len(s.packets.B) >= flushAt {
		s.flush()
	}
	if out.Close != nil && s.closing == nil {
		s.close(out.Close)
	}
	if s.env.Tables.Refusing && !s.receiver().Bridge {
		s.receiver().Full.Store(s.core.Full())
	} else {
		s.strain()
	}
	if out.Ended {
		s.ended = true
	}
	s.note()
	if out.Load != nil {
		s.load(out.Load)
	}
	s.bridged(&out.Counts)
	s.finish()
	s.arm()
}

// route hands messages to their receivers and acknowledges them.
func (s *Session) route(runs []*packet.Run, wills bool, out *core.Output) {
	if len(runs) > 0 {
		s.env.codes = s.publishing().Publish(runs, s.env.Loop.Now(), s.env.codes[:0])
		s.routed = true
		for i, run := range runs {
			if run.QoS > packet.QoS0 && s.env.codes[i] == packet.QuotaExceeded {
				s.env.Counters.RefusedQuota.Add(int64(run.Count))
			}
		}
		if !s.await(runs, wills) {
			for i, run := range runs {
				s.core.Acknowledge(run, s.env.codes[i], out)
			}
		}
	}
	s.pace()
}

// deny logs, once for each Network Connection, that the Client wanted what it may not.
func (s *Session) deny(d *core.Denial) {
	if d == nil || s.denied {
		return
	}
	s.denied = true
	action := "publish"
	if d.Subscribe {
		action = "subscribe"
	}
	s.log().Warn("client has no right to do this; what else it may not do is counted", zap.String("action", action), zap.String("topic", d.Topic))
}

// close sends the connection away once it has written everything.
func (s *Session) close(why *core.Close) {
	s.closing = why
	s.flush()
	if s.connection != nil {
		s.env.Root.Send(s.connection, &message.Close{Last: !why.ByClient})
	}
}

// judged is the host's answer to an AUTH packet.
type judged struct {
	epoch  uint32
	result core.AuthResult
}

// judge asks the authenticator about an AUTH packet of a connected Client. It
// may take its time, so it does not run in the actor.
func (s *Session) judge(step *core.AuthStep) {
	var exchange auth.Exchange
	if who := s.who; who != nil {
		if step.First {
			who.exchange = s.env.Auth.Exchange(who.Client, step.Method)
		}
		exchange = who.exchange
	}
	data := append([]byte(nil), step.Data...)
	self, root, epoch := s.self(), s.env.Root, s.epoch
	if exchange == nil {
		root.Send(self, &judged{epoch, core.AuthResult{Code: packet.BadAuthenticationMethod}})
		return
	}
	auth.Ask(s.env.AuthTimeout,
		func(ctx context.Context) core.AuthResult { return exchange(ctx, data) },
		func(any) core.AuthResult { return core.AuthResult{Code: packet.UnspecifiedError} },
		func(r core.AuthResult) { root.Send(self, &judged{epoch, r}) })
}

// rejudge asks again what the Client was let in by, and what it may.
func (s *Session) rejudge(m *message.Judge) {
	revoked := 0
	defer func() { m.Answer(revoked) }() // also when it fails
	s.core.Judge(s.begin())
	revoked = int(s.env.out.Counts.Revoked)
	s.apply()
}

// gauge brings this Session's share of the instance's backlog up to date.
func (s *Session) gauge(messages int, bytes int64) {
	if s.waiting == nil {
		if messages == 0 {
			return
		}
		s.waiting = new(waiting)
	}
	if n := int64(messages); n != s.waiting.messages {
		s.env.Counters.MessagesQueued.Add(n - s.waiting.messages)
		s.waiting.messages = n
	}
	if bytes != s.waiting.bytes {
		s.env.Counters.BytesQueued.Add(bytes - s.waiting.bytes)
		s.waiting.bytes = bytes
	}
}

// reside brings this Session's share of what waits in memory up to date.
func (s *Session) reside(bytes int64) {
	if s.waiting == nil {
		if bytes == 0 {
			return
		}
		s.waiting = new(waiting)
	}
	if bytes != s.waiting.resident {
		s.env.Counters.BytesResident.Add(bytes - s.waiting.resident)
		s.waiting.resident = bytes
	}
}

// share tells the core what the other Sessions of the instance leave for this
// one to let wait. What others take in the same moment is not seen, so the bound
// may be passed by a little.
func (s *Session) share(out *core.Output) {
	total := &s.env.Total
	if *total == (core.Left{}) || s.receiver().Bridge {
		return
	}
	var own waiting
	if s.waiting != nil {
		own = *s.waiting
	}
	left := core.Left{Messages: math.MaxInt, Bytes: math.MaxInt64}
	if total.Messages > 0 {
		left.Messages = max(0, total.Messages-int(s.env.Counters.MessagesQueued.Load()-own.messages))
	}
	if total.Bytes > 0 {
		left.Bytes = max(0, total.Bytes-(s.env.Counters.BytesQueued.Load()-own.bytes))
	}
	if total.Memory > 0 {
		left.Memory = max(1, total.Memory-(s.env.Counters.BytesResident.Load()-own.resident))
		if !s.core.Durable() {
			left.Bytes = min(left.Bytes, left.Memory)
		}
	}
	s.env.left, out.Left = left, &s.env.left
	if tables := s.env.Tables; tables.Refusing {
		tables.Crowded.Store(left.Messages <= int(own.messages) || left.Bytes <= own.bytes)
	}
}

func (s *Session) count(c *core.Counts) {
	s.gauge(s.core.Backlog())
	s.reside(s.core.Resident())
	if *c == (core.Counts{}) {
		return
	}
	t := s.env.Counters
	add := func(to interface{ Add(int64) int64 }, n uint64) {
		if n != 0 {
			to.Add(int64(n))
		}
	}
	add(&t.PacketsReceived, c.Packets)
	add(&t.PublishReceived, c.PublishReceived)
	add(&t.PublishBytesIn, c.PublishReceivedBytes)
	add(&t.PacketsSent, c.PublishSent+c.Answered)
	add(&t.PublishSent, c.PublishSent)
	add(&t.PublishBytesOut, c.PublishSentBytes)
	add(&t.DroppedCongested, c.DroppedCongested)
	add(&t.DroppedOffline, c.DroppedOffline)
	add(&t.DroppedQueueFull, c.DroppedQueueFull)
	add(&t.DroppedExpired, c.DroppedExpired+c.DroppedAged)
	add(&t.DroppedTooLarge, c.DroppedTooLarge)
	add(&t.DroppedInvalid, c.DroppedInvalid)
	add(&t.Denied, c.Denied)
	add(&t.ClientsRevoked, c.Revoked)
	add(&t.DroppedBroken, c.DroppedBroken)
	add(&t.DroppedSwitch, c.DroppedSwitch)
	add(&t.DroppedLoop, c.DroppedLoop)
	add(&t.RefusedByPeer, c.RefusedByPeer)
	if dropped := c.DroppedQueueFull + c.DroppedCongested; dropped > 0 {
		s.overflowed(dropped)
	} else if s.waiting != nil && s.waiting.messages == 0 {
		s.waiting.overflowing = false
	}
	if c.DroppedBroken > 0 {
		s.log().Error("session recovered with losses", zap.Uint64("messages", c.DroppedBroken))
	}
}

// overflowed logs once per episode that a bound drops messages: that of the
// queue, or for QoS 0 that of a Client which does not read. An episode ends when
// nothing waits any more.
func (s *Session) overflowed(n uint64) {
	if s.waiting == nil {
		s.waiting = new(waiting)
	}
	if s.waiting.overflowing {
		return
	}
	s.waiting.overflowing = true
	s.log().Warn("queue at its bound, messages are dropped", zap.Bool("connected", s.connection != nil),
		zap.Uint64("dropped", n), zap.Int64("queued", s.waiting.messages), zap.Int64("queued_bytes", s.waiting.bytes))
}
