package bridge

import (
	"errors"
	"fmt"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/bridge/failover"
)

// What an operator asks of a bridge. Each is answered once, on a channel that has room for the answer.
type (
	// Pause ends all links, the one that carries in order, and connects none. What is published waits in the Session.
	Pause struct{ Reply chan<- error }
	// Resume goes on after Pause or Drain.
	Resume struct{ Reply chan<- error }
	// Switch goes to the upstream with this name (upstream.Upstream.Name), without one to any other, as soon as a link to it is ready.
	Switch struct {
		To    string
		Reply chan<- error
	}
	// Drain takes nothing more from publishers, hands on what waits, and pauses then. The answer comes when that is done. Until Resume.
	Drain struct{ Reply chan<- error }
	// Reload takes other settings, of the same name. The Session stays, and so does a link that carries, if neither its upstream nor anything that
	// links are made of has changed. Rules are changed once no link with the old ones carries, so that the answer may have to wait for an upstream.
	Reload struct {
		Settings
		Reply chan<- error
	}
	// Remove ends the bridge. Without Discard its Session is kept as long as messages wait in it.
	Remove struct {
		Discard bool
		Reply   chan<- Removed
	}
)

// Removed is what became of a bridge.
type Removed struct {
	Left int // messages that wait still, or were discarded
	Err  error
}

// Errors of commands.
var (
	ErrEnded   = errors.New("the bridge has ended, or failed over what it was asked for")
	ErrPaused  = failover.ErrPaused
	ErrEarly   = errors.New("the bridge has not begun yet")
	ErrResumed = errors.New("the bridge was resumed before it was drained")
)

// undelivered is a command. If it does not come to the actor it is answered all the same.
type undelivered interface{ Undelivered() }

// Undelivered implements system.Undelivered, as do the others.
func (m *Pause) Undelivered() { answer(m.Reply, ErrEnded) }

// Undelivered answers.
func (m *Resume) Undelivered() { answer(m.Reply, ErrEnded) }

// Undelivered answers.
func (m *Switch) Undelivered() { answer(m.Reply, ErrEnded) }

// Undelivered answers.
func (m *Drain) Undelivered() { answer(m.Reply, ErrEnded) }

// Undelivered answers.
func (m *Reload) Undelivered() { answer(m.Reply, ErrEnded) }

// Undelivered answers.
func (m *Remove) Undelivered() { answer(m.Reply, Removed{Err: ErrEnded}) }

// answer never blocks. Nobody may be waiting.
func answer[T any](reply chan<- T, a T) {
	select {
	case reply <- a:
	default:
	}
}

// drainedEvery is how often, in milliseconds, it is looked whether all is drained.
const drainedEvery = 100

func (b *Bridge) obey(ctx actor.Context, m undelivered) {
	if _, ok := m.(*Remove); b.removing && !ok {
		m.Undelivered()
		return
	}
	switch m := m.(type) {
	case *Pause:
		b.pause(ctx)
		answer(m.Reply, nil)
	case *Resume:
		b.resume(ctx)
		answer(m.Reply, nil)
	case *Switch:
		answer(m.Reply, b.switchTo(ctx, m.To))
	case *Drain:
		b.drain(ctx, m)
	case *Reload:
		b.reload(ctx, m)
	case *Remove:
		b.remove(ctx, m)
	}
}

func (b *Bridge) pause(ctx actor.Context) {
	if !b.choice.Paused() {
		b.log.Info("paused")
	}
	b.o.Handle.keep(func(k *kept) { k.paused = true })
	b.act(ctx, b.choice.Pause(b.now()))
}

func (b *Bridge) resume(ctx actor.Context) {
	if b.choice.Paused() || b.draining {
		b.log.Info("resumed")
	}
	b.o.Handle.keep(func(k *kept) { k.paused, k.drained = false, false })
	for _, reply := range b.drained {
		answer(reply, ErrResumed)
	}
	b.drained = nil
	if b.draining {
		b.draining = false
		b.establish()
	}
	b.act(ctx, b.choice.Resume(b.now()))
}

func (b *Bridge) switchTo(ctx actor.Context, name string) error {
	if !b.established {
		return ErrEarly
	}
	to := failover.Any
	if name != "" {
		if to = slices.Index(names(b.settings), name); to < 0 {
			return fmt.Errorf("%q: %w: the bridge has %q", name, failover.ErrUnknown, names(b.settings))
		}
	}
	actions, err := b.choice.Switch(to, b.now())
	if err == nil {
		b.log.Info("a switch was asked for", zap.String("to", name))
		b.act(ctx, actions)
	}
	return err
}

func (b *Bridge) drain(ctx actor.Context, m *Drain) {
	if b.choice.Paused() {
		answer(m.Reply, ErrPaused)
		return
	}
	b.drained = append(b.drained, m.Reply)
	if !b.draining {
		b.log.Info("draining: nothing more is taken")
		b.draining = true
		b.o.Handle.keep(func(k *kept) { k.drained = true })
		b.establish()
	}
	b.settle(ctx)
}

// settleDrain pauses once all is handed on.
func (b *Bridge) settleDrain(ctx actor.Context) {
	f := &b.o.Handle.Figures
	if !b.draining || b.choice.Paused() || !b.established || b.askedAt != 0 || f.Queued.Load() > 0 || f.Inflight.Load() > 0 {
		return
	}
	b.log.Info("drained")
	for _, reply := range b.drained {
		answer(reply, nil)
	}
	b.drained = nil
	b.pause(ctx)
}

func (b *Bridge) reload(ctx actor.Context, m *Reload) {
	before, now := b.settings, b.now()
	b.settings = m.Settings
	b.former = former(b.former, before.Config, m.Config)
	actions := b.choice.Reload(policy(m.Config, nil), entries(before, m.Settings), now)
	if linkPart(before.Config) != linkPart(m.Config) {
		b.generation++
		actions = append(actions, b.choice.Renew(now)...)
	}
	b.o.Handle.keep(func(k *kept) { k.settings, k.former = m.Settings, b.former }) // not before: they are no good if they make the bridge fail
	b.log.Info("reloaded")
	b.due = true
	b.reloaded = append(b.reloaded, m.Reply)
	b.told.moved(before.ClientID, m.ClientID, before.Config.StateTopic, m.Config.StateTopic, b)
	b.act(ctx, actions)
}

func (b *Bridge) remove(ctx actor.Context, m *Remove) {
	b.removed = append(b.removed, m.Reply)
	b.o.Handle.keep(func(k *kept) { k.removing, k.discard = true, k.discard || m.Discard })
	if !b.removing {
		b.log.Info("the bridge is removed")
		b.removing, b.askedAt, b.due = true, 0, false
	}
	b.act(ctx, b.choice.Pause(b.now()))
}

// settleRemoval gives the Session up once no link is there any more.
func (b *Bridge) settleRemoval() {
	if !b.removing || b.retiring || len(b.links) > 0 {
		return
	}
	b.retiring = true
	b.retire()
}

func (b *Bridge) retire() {
	b.askedAt = b.now()
	b.root.Send(b.registry(), &message.Retire{ClientID: b.clientID(), Discard: b.o.Handle.kept.Load().discard, Bridge: b.self})
}

func (b *Bridge) onRetired(ctx actor.Context, m *message.Retired) {
	if !b.removing || m.ClientID != b.clientID() {
		return
	}
	b.log.Info("the bridge has ended", zap.Int("left", m.Left))
	for _, reply := range b.removed {
		answer(reply, Removed{Left: m.Left})
	}
	b.removed = nil
	b.told.clear(b)
	b.told.silent = true
	ctx.Stop(b.self)
}
