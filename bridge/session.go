package bridge

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/protocol/session"
)

// establishIn is how long, in milliseconds, the Session may take to answer before it is asked again.
const establishIn = 10_000

func (b *Bridge) clientID() string { return message.BridgePrefix + b.settings.Config.Name }

func (b *Bridge) registry() *actor.PID {
	registry, _ := b.o.Clients.Registry([]byte(b.clientID()))
	return registry
}

// establish has the Session made, or changed to what the settings say.
func (b *Bridge) establish() {
	c := b.settings.Config
	var wanted []session.Subscription
	if !b.draining {
		wanted = subscriptions(c)
	}
	b.askedAt, b.due = b.now(), false
	b.root.Send(b.registry(), &message.Establish{
		ClientID: b.clientID(), Bridge: b.self, Limits: Limits(c, b.o.Limits), Subscriptions: wanted,
		Remote: c.Acknowledge == configs.AcknowledgeRemote, Figures: &b.o.Handle.Figures,
	})
}

// settleSession changes the rules once no link with other ones carries: it would not know what to do with the messages.
func (b *Bridge) settleSession() {
	if !b.due || b.removing {
		return
	}
	if c, ok := b.choice.Carrier(); ok {
		if l := b.links[c.ID]; l != nil && l.generation != b.generation {
			return
		}
	}
	b.establish()
}

func (b *Bridge) onEstablished(ctx actor.Context) {
	if b.askedAt == 0 || b.removing {
		return
	}
	b.askedAt = 0
	if !b.due {
		for _, reply := range b.reloaded {
			answer(reply, nil)
		}
		b.reloaded = nil
	}
	if b.established {
		b.settle(ctx)
		return
	}
	b.established = true
	b.o.Handle.up.Do(func() {
		if b.o.Up != nil {
			b.o.Up()
		}
	})
	b.act(ctx, b.choice.Start(b.now()))
}
