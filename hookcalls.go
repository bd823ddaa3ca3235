package troupe

import (
	"errors"
	"math"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/internal/hooks"
	"github.com/troupemq/troupe/internal/telemetry"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
	"github.com/troupemq/troupe/protocol/topic"
)

// hooking is the program's hooks as the actors call them; nil: there are none.
func (b *Broker) hooking(counters *telemetry.Counters) *hooks.Hooks {
	if len(b.hooks) == 0 {
		return nil
	}
	h, all := new(hooks.Hooks), given{b, counters}
	all.asked(h)
	all.told(h)
	all.fates(h)
	return h
}

// given is all the hooks of a Broker.
type given struct {
	*Broker
	counters *telemetry.Counters
}

// asked sets the hooks that may refuse.
func (all given) asked(h *hooks.Hooks) {
	if connect := each(all, "Connect", func(h *Hooks) (func(Client) error, bool) { return h.Connect, h.Connect != nil }); connect != nil {
		h.Connect = func(c Client) error {
			err := connect.ask(c.ID, func(f func(Client) error) error { return f(c) })
			if err != nil && !packet.TypeConnack.Allows(auth.CodeOf(err)) {
				return &Refusal{Code: packet.UnspecifiedError, Reason: err.Error()}
			}
			return err
		}
	}
	if subscribe := each(all, "Subscribe", func(h *Hooks) (func(Client, *TopicFilter) error, bool) { return h.Subscribe, h.Subscribe != nil }); subscribe != nil {
		h.Subscribe = func(c Client, s *session.Subscription) (packet.ReasonCode, string) {
			f := hooks.FilterOf(s.Filter, s.Options, s.ID)
			if err := subscribe.ask(c.ID, func(ask func(Client, *TopicFilter) error) error { return ask(c, &f) }); err != nil {
				return subscribe.refusal(c.ID, err, packet.TypeSuback)
			}
			return ReasonCode(min(s.Options.QoS, f.QoS)), ""
		}
	}
	if publish := each(all, "Publish", func(h *Hooks) (func(Client, *Message) error, bool) { return h.Publish, h.Publish != nil }); publish != nil {
		h.Publish = func(c Client, p *packet.Publish) (changed bool, code packet.ReasonCode, reason string) {
			m := newMessage(p)
			if err := publish.ask(c.ID, func(ask func(Client, *Message) error) error { return ask(c, m) }); err != nil {
				code, reason = publish.refusal(c.ID, err, packet.TypePuback)
				return false, code, reason
			}
			if !m.changeIn(p) {
				return false, packet.Success, ""
			}
			if err := errors.Join(topic.ValidateName(p.Topic), p.Validate(packet.V5)); err != nil {
				publish.report(c.ID, "a hook of the program made a message that cannot be published", zap.String("topic", m.Topic), zap.Error(err))
				return false, packet.ImplementationSpecificError, ""
			}
			return true, packet.Success, ""
		}
	}
}

// told sets the hooks that are told of Clients.
func (all given) told(h *hooks.Hooks) {
	if tell := each(all, "Authenticated", func(h *Hooks) (func(Client), bool) { return h.Authenticated, h.Authenticated != nil }); tell != nil {
		h.Authenticated = func(c Client) { tell.tell(c.ID, func(f func(Client)) { f(c) }) }
	}
	if tell := each(all, "Connected", func(h *Hooks) (func(Client, bool), bool) { return h.Connected, h.Connected != nil }); tell != nil {
		h.Connected = func(c Client, present bool) { tell.tell(c.ID, func(f func(Client, bool)) { f(c, present) }) }
	}
	if tell := each(all, "Disconnected", func(h *Hooks) (func(Client, Disconnection), bool) { return h.Disconnected, h.Disconnected != nil }); tell != nil {
		h.Disconnected = func(c Client, why Disconnection) { tell.tell(c.ID, func(f func(Client, Disconnection)) { f(c, why) }) }
	}
	if tell := each(all, "Subscribed", func(h *Hooks) (func(Client, TopicFilter), bool) { return h.Subscribed, h.Subscribed != nil }); tell != nil {
		h.Subscribed = func(c Client, t TopicFilter) { tell.tell(c.ID, func(f func(Client, TopicFilter)) { f(c, t) }) }
	}
	if tell := each(all, "Unsubscribed", func(h *Hooks) (func(Client, string), bool) { return h.Unsubscribed, h.Unsubscribed != nil }); tell != nil {
		h.Unsubscribed = func(c Client, filter string) { tell.tell(c.ID, func(f func(Client, string)) { f(c, filter) }) }
	}
	if tell := each(all, "SessionEnded", func(h *Hooks) (func(string, SessionEnd), bool) { return h.SessionEnded, h.SessionEnded != nil }); tell != nil {
		h.SessionEnded = func(id string, why SessionEnd) { tell.tell(id, func(f func(string, SessionEnd)) { f(id, why) }) }
	}
}

// fates sets the hooks that are told what became of messages.
func (all given) fates(h *hooks.Hooks) {
	if tell := each(all, "Delivered", func(h *Hooks) (func(Client, *Message, bool), bool) { return h.Delivered, h.Delivered != nil }); tell != nil {
		h.Delivered = func(c Client, p *packet.Publish) {
			m, again := newMessage(p), p.Dup
			tell.tell(c.ID, func(f func(Client, *Message, bool)) { f(c, m, again) })
		}
	}
	if tell := each(all, "Acknowledged", func(h *Hooks) (func(Client, *Message, ReasonCode), bool) {
		return h.Acknowledged, h.Acknowledged != nil
	}); tell != nil {
		h.Acknowledged = func(c Client, p *packet.Publish, code packet.ReasonCode) {
			m := newMessage(p)
			tell.tell(c.ID, func(f func(Client, *Message, ReasonCode)) { f(c, m, code) })
		}
	}
	if tell := each(all, "Dropped", func(h *Hooks) (func(Client, *Message, DropReason), bool) { return h.Dropped, h.Dropped != nil }); tell != nil {
		h.Dropped = func(c Client, p *packet.Publish, why DropReason) {
			m := newMessage(p)
			tell.tell(c.ID, func(f func(Client, *Message, DropReason)) { f(c, m, why) })
		}
	}
}

// calls is one hook, with the functions that were given for it. What they do
// wrong harms nobody else.
type calls[F any] struct {
	hook      string
	functions []F
	counters  *telemetry.Counters
	log       *zap.Logger
	reported  atomic.Int64 // Unix seconds of the last report
}

// each collects the functions for a hook; nil: there are none.
func each[F any](all given, hook string, pick func(*Hooks) (f F, given bool)) *calls[F] {
	c := &calls[F]{hook: hook, counters: all.counters, log: all.log.With(zap.String("hook", hook))}
	for i := range all.hooks {
		if f, given := pick(&all.hooks[i]); given {
			c.functions = append(c.functions, f)
		}
	}
	if c.functions == nil {
		return nil
	}
	return c
}

// tell calls functions that are told something.
func (c *calls[F]) tell(clientID string, call func(F)) {
	for _, f := range c.functions {
		c.tellOne(clientID, f, call)
	}
}

func (c *calls[F]) tellOne(clientID string, f F, call func(F)) {
	defer func() {
		if reason := recover(); reason != nil {
			c.failed(clientID, reason)
		}
	}()
	call(f)
}

// ask calls functions until one refuses.
func (c *calls[F]) ask(clientID string, call func(F) error) error {
	for _, f := range c.functions {
		if err := c.askOne(clientID, f, call); err != nil {
			return err
		}
	}
	return nil
}

// askOne calls a function that may refuse. One that panics does.
func (c *calls[F]) askOne(clientID string, f F, call func(F) error) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			c.failed(clientID, reason)
			err = &Refusal{Code: packet.ImplementationSpecificError, Reason: "a hook of the program failed"}
		}
	}()
	return call(f)
}

// failed counts a panic and reports it with the stack that is still there.
func (c *calls[F]) failed(clientID string, reason any) {
	c.counters.HooksFailed.Add(1)
	if c.due() {
		c.log.Error("a hook of the program failed", zap.String("client", clientID), zap.Any("reason", reason), zap.ByteString("stack", debug.Stack()))
	}
}

// refusal is what a Client is told of an error, in a packet of type t. An error
// that is no Refusal was not meant for it, and is reported.
func (c *calls[F]) refusal(clientID string, err error, t packet.Type) (code packet.ReasonCode, reason string) {
	if refusal := (*Refusal)(nil); errors.As(err, &refusal) {
		reason = refusal.Reason
	} else {
		c.report(clientID, "a hook of the program refused with an error", zap.Error(err))
	}
	if code = auth.CodeOf(err); !t.Allows(code) {
		code = packet.UnspecifiedError
	}
	if e := c.log.Check(zap.DebugLevel, "a hook of the program refused"); e != nil {
		e.Write(zap.String("client", clientID), zap.Stringer("code", code), zap.String("reason", reason))
	}
	if !sayable(reason) {
		reason = ""
	}
	return code, reason
}

// sayable tells whether MQTT can carry a text of the program.
func sayable(text string) bool {
	return len(text) <= math.MaxUint16 && utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}

func (c *calls[F]) report(clientID, text string, fields ...zap.Field) {
	if c.due() {
		c.log.Warn(text, append(fields, zap.String("client", clientID))...)
	}
}

// due tells whether nothing was reported in this second: a hook may go wrong
// with each message.
func (c *calls[F]) due() bool {
	now := time.Now().Unix()
	before := c.reported.Load()
	return now != before && c.reported.CompareAndSwap(before, now)
}
