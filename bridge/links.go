package bridge

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/bridge/failover"
	"github.com/troupemq/troupe/bridge/link"
)

var (
	errFailed = errors.New("the link failed, which is a fault of this broker; see the line about the failed actor")
	errOver   = errors.New("the link is over")
)

// act carries out what was decided.
func (b *Bridge) act(ctx actor.Context, actions []failover.Action) {
	for _, a := range actions {
		l := b.links[a.Link]
		switch a.Kind {
		case failover.Connect, failover.Probe:
			b.begin(ctx, a)
		case failover.Carry:
			ctx.Send(l.pid, link.Carry{})
		case failover.Leave:
			ctx.Send(l.pid, link.Leave{})
		case failover.Stop:
			if l != nil {
				if a.Failed {
					b.logFailure("the link is given up", l.name, a.Why, []zap.Field{zap.String("upstream", l.name), zap.String("cause", a.Why)})
				}
				b.forget(a.Link)
				ctx.Stop(l.pid)
			}
		}
	}
	b.settle(ctx)
}

// begin spawns a link.
func (b *Bridge) begin(ctx actor.Context, a failover.Action) {
	h := b.o.Handle
	if a.Kind == failover.Connect {
		h.Attempts.Add(1)
		if a.Retry {
			h.Retries.Add(1)
		}
	}
	to := b.settings.Upstreams[a.Upstream]
	if a.Reference != "" {
		followed, err := to.Follow(a.Reference)
		if err != nil {
			ctx.Send(b.self, unfollowed{a.Link, err})
			return
		}
		to = followed
	}
	name := strconv.FormatUint(h.links.Add(1), 10) // also unlike those before a failure of the bridge, of which there may be messages still
	l := &running{began: b.now(), name: to.Name(), near: to.Near(), generation: b.generation}
	b.links[a.Link], b.ids[name] = l, a.Link
	l.pid = b.o.Spawn(ctx, Link{
		Name: name, Config: b.settings.Config, Upstream: to, Probe: a.Kind == failover.Probe, Figures: &h.Figures, Former: b.former,
	})
}

func (b *Bridge) forget(id failover.ID) {
	if l := b.links[id]; l != nil {
		delete(b.ids, l.pid.Id)
		delete(b.links, id)
	}
}

// known finds a link by its actor; ok is false if it was given up.
func (b *Bridge) known(pid *actor.PID) (id failover.ID, l *running, ok bool) {
	id, ok = b.ids[pid.GetId()]
	return id, b.links[id], ok
}

func (b *Bridge) onReady(ctx actor.Context, m *link.Ready) {
	if id, l, ok := b.known(m.Link); ok {
		l.present = m.Present
		b.act(ctx, b.choice.Ready(id, b.now()))
	}
}

func (b *Bridge) onCarries(ctx actor.Context, m *link.Carries) {
	id, l, ok := b.known(m.Link)
	if !ok {
		return
	}
	actions := b.choice.Carries(id, b.now())
	if c, _ := b.choice.Carrier(); c.ID == id && c.Carries {
		b.logCarries(l, c)
		if b.used != "" && b.used != l.name {
			b.o.Handle.Switches.Add(1)
		}
		b.used = l.name
	}
	b.act(ctx, actions)
}

func (b *Bridge) onEnded(ctx actor.Context, m *link.Ended) {
	id, l, ok := b.known(m.Link)
	if !ok {
		return
	}
	end := failover.End{Asked: m.Cause == nil, Code: m.Code, Reference: m.Reference, Near: l.near}
	switch {
	case m.Cause != nil:
		end.Text = m.Cause.Error()
	case m.Code.IsError():
		end.Text = fmt.Sprintf("the upstream ended the connection with %#x", byte(m.Code))
	default:
		end.Text = errOver.Error()
	}
	b.over(ctx, id, end)
}

// onGone is for a link whose actor has ended. If it said so itself it is known no more.
func (b *Bridge) onGone(ctx actor.Context, m gone) {
	if id, ok := b.ids[m.name]; ok {
		b.over(ctx, id, failover.End{Text: errFailed.Error()})
		return
	}
	b.settle(ctx)
}

func (b *Bridge) over(ctx actor.Context, id failover.ID, end failover.End) {
	b.logEnd(id, end)
	b.forget(id)
	b.act(ctx, b.choice.Ended(id, end, b.now()))
}
