package troupe

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/troupemq/troupe/protocol/packet"
)

// heard is what hooks were told, in order.
type heard chan string

func (h heard) say(format string, args ...any) { h <- fmt.Sprintf(format, args...) }

// next takes what was told, which has to be this.
func (h heard) next(t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		require.Equal(t, w, wait(t, h, "no hook said "+w))
	}
}

// all tells of everything.
func (h heard) all() Hooks {
	return Hooks{
		Connect:       func(c Client) error { h.say("connect %s %s", c.ID, c.Username); return nil },
		Authenticated: func(c Client) { h.say("authenticated %s", c.ID) },
		Connected:     func(c Client, present bool) { h.say("connected %s %t", c.ID, present) },
		Disconnected: func(c Client, why Disconnection) {
			h.say("disconnected %s %#x client=%t lost=%t", c.ID, uint8(why.Code), why.ByClient, why.Lost)
		},
		Subscribe:    func(c Client, f *TopicFilter) error { h.say("subscribe %s %s %d", c.ID, f.Name, f.QoS); return nil },
		Subscribed:   func(c Client, f TopicFilter) { h.say("subscribed %s %s %d", c.ID, f.Name, f.QoS) },
		Unsubscribed: func(c Client, filter string) { h.say("unsubscribed %s %s", c.ID, filter) },
		Publish:      func(c Client, m *Message) error { h.say("publish %s %s %s", c.ID, m.Topic, m.Payload); return nil },
		Delivered: func(c Client, m *Message, again bool) {
			h.say("delivered %s %s again=%t", c.ID, m.Payload, again)
		},
		Acknowledged: func(c Client, m *Message, code ReasonCode) {
			h.say("acknowledged %s %s %#x", c.ID, m.Payload, uint8(code))
		},
		Dropped:      func(c Client, m *Message, why DropReason) { h.say("dropped %s %s %v", c.ID, m.Payload, why) },
		SessionEnded: func(id string, why SessionEnd) { h.say("ended %s %v", id, why) },
	}
}

// entered is what is told of a Client that connects.
func (h heard) entered(t *testing.T, id string, present bool) {
	t.Helper()
	h.next(t, "connect "+id+" ", "authenticated "+id, fmt.Sprintf("connected %s %t", id, present))
}

func TestHooksAreToldOfALife(t *testing.T) {
	h := make(heard, 64)
	b := start(t, WithHooks(h.all()))

	sub := connect(t, b, "sub")
	h.entered(t, "sub", false)
	sub.subscribe(packet.QoS1, "a/#")
	h.next(t, "subscribe sub a/# 1", "subscribed sub a/# 1")
	pub := connect(t, b, "pub")
	h.entered(t, "pub", false)

	require.Equal(t, packet.Success, pub.publish(packet.QoS2, "a/x", "1"))
	h.next(t, "publish pub a/x 1", "delivered sub 1 again=false")
	sub.gets("1")
	h.next(t, "acknowledged sub 1 0x0")

	// What is not acknowledged comes again, and what comes meanwhile waits.
	require.Equal(t, packet.Success, pub.publish(packet.QoS1, "a/x", "2"))
	h.next(t, "publish pub a/x 2", "delivered sub 2 again=false")
	require.Equal(t, "2", string(sub.receive().Payload))
	_ = sub.conn.Close()
	h.next(t, "disconnected sub 0x0 client=false lost=true")
	pub.publish(packet.QoS0, "a/x", "3")
	h.next(t, "publish pub a/x 3", "dropped sub 3 "+DropOffline.String())
	sub = connect(t, b, "sub")
	require.True(t, sub.present)
	h.entered(t, "sub", true)
	h.next(t, "delivered sub 2 again=true")
	sub.gets("2")
	h.next(t, "acknowledged sub 2 0x0")

	// Its Client takes the Session over, gives it up, and another begins.
	again := connect(t, b, "sub")
	h.next(t, "connect sub ", "authenticated sub", "disconnected sub 0x8e client=false lost=false", "connected sub true")
	unsubscribe := packet.Unsubscribe{PacketID: again.next(), Filters: [][]byte{[]byte("a/#")}}
	again.write(unsubscribe.Append(nil, packet.V5))
	again.expect(packet.TypeUnsuback)
	h.next(t, "unsubscribed sub a/#")
	again.leave()
	h.next(t, "disconnected sub 0x0 client=true lost=false")
	clean := durable("sub")
	clean.CleanStart, clean.SessionExpiry = true, 0
	connectWith(t, dial(t, b), clean).leave()
	h.next(t, "connect sub ", "authenticated sub")
	both := []string{wait(t, h, "nothing is told"), wait(t, h, "nothing is told")} // by two actors
	require.ElementsMatch(t, []string{"ended sub " + SessionReplaced.String(), "connected sub false"}, both)
	h.next(t, "disconnected sub 0x0 client=true lost=false", "ended sub "+SessionClosed.String())
	require.Empty(t, h)
}

func TestHooksRefuse(t *testing.T) {
	secret := errors.New("the directory does not answer")
	b := start(t, WithHooks(Hooks{
		Connect: func(c Client) error {
			switch c.ID {
			case "banned":
				return &Refusal{Code: packet.Banned}
			case "unlucky":
				return secret
			}
			return nil
		},
		Subscribe: func(_ Client, f *TopicFilter) error {
			switch f.Name {
			case "low":
				f.QoS = AtMostOnce
			case "no":
				return &Refusal{Code: packet.QuotaExceeded}
			case "broken":
				return secret
			}
			return nil
		},
	}), WithHooks(Hooks{
		Publish: func(_ Client, m *Message) error {
			switch m.Topic {
			case "no":
				return &Refusal{Code: packet.QuotaExceeded}
			case "broken":
				return secret
			case "wild":
				m.Topic = "a/#"
			}
			return nil
		},
	} /* the rest is not asked */), WithHooks(Hooks{Publish: func(_ Client, m *Message) error {
		require.NotContains(t, []string{"no", "broken"}, m.Topic)
		return nil
	}}))
	enter := func(id string) packet.ReasonCode { return newClient(t, dial(t, b)).enter(durable(id)).Code }
	require.Equal(t, packet.Banned, enter("banned"))
	require.Equal(t, packet.UnspecifiedError, enter("unlucky"))

	c := connect(t, b, "c")
	var ack packet.Suback
	c.sendSubscribe(packet.QoS2, "low", "no", "broken", "yes")
	require.NoError(t, ack.Decode(c.expect(packet.TypeSuback), packet.V5))
	require.Equal(t, []packet.ReasonCode{0, packet.QuotaExceeded, packet.UnspecifiedError, 2}, ack.Codes)

	for topic, code := range map[string]packet.ReasonCode{
		"no": packet.QuotaExceeded, "broken": packet.UnspecifiedError, "wild": packet.ImplementationSpecificError, "yes": packet.Success,
	} {
		require.Equal(t, code, c.publish(packet.QoS2, topic, "x"), topic)
	}
	require.Equal(t, "x", string(c.receive().Payload))
	require.EqualValues(t, 5, b.tree.counters.Denied.Load())
}

func TestHooksChangeMessages(t *testing.T) {
	seen := make(heard, 16)
	b := start(t,
		WithHooks(Hooks{Publish: func(c Client, m *Message) error {
			m.Topic = "by/" + c.ID
			m.Payload = append([]byte("changed "), m.Payload...)
			m.Retain = true
			m.UserProperties = append(m.UserProperties, UserProperty{"by", "first"})
			return nil
		}}),
		WithHooks(Hooks{Publish: func(_ Client, m *Message) error { seen.say("%s %s", m.Topic, m.Payload); return nil }}))
	sub := connect(t, b, "sub")
	sub.subscribe(packet.QoS1, "by/#")
	pub := connectWith(t, dial(t, b), func() *packet.Connect {
		p := durable("pub")
		p.Will = &packet.Will{Topic: []byte("gone"), Payload: []byte("will")}
		return p
	}())
	for _, payload := range []string{"1", "2"} { // alike, and each is shown
		require.Equal(t, packet.Success, pub.publish(packet.QoS1, "t", payload))
		seen.next(t, "by/pub changed "+payload)
		got := sub.receive()
		require.Equal(t, "by/pub", string(got.Topic))
		require.Equal(t, packet.UserProperties(nil).With("by", "first"), got.UserProperties)
		require.Equal(t, "changed "+payload, string(got.Payload))
	}
	_ = pub.conn.Close()
	seen.next(t, "by/pub changed will")
	require.Equal(t, "changed will", string(sub.receive().Payload))

	// The message as it was changed is what is kept.
	late := connect(t, b, "late")
	late.subscribe(packet.QoS0, "by/pub")
	kept := late.receive()
	require.Equal(t, "changed will", string(kept.Payload))
	require.True(t, kept.Retain)

	// The program's own messages are not shown.
	publish(t, b, "by/program", "own")
	require.Empty(t, seen)
}

// A hook that panics harms no Client but the one it was asked about, and lets
// nothing through.
func TestPanicsOfHooksAreContained(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	told := func() { panic("told") }
	h := Hooks{
		Authenticated: func(Client) { told() },
		Connected:     func(Client, bool) { told() },
		Disconnected:  func(Client, Disconnection) { told() },
		Subscribed:    func(Client, TopicFilter) { told() },
		Unsubscribed:  func(Client, string) { told() },
		Delivered:     func(Client, *Message, bool) { told() },
		Acknowledged:  func(Client, *Message, ReasonCode) { told() },
		Dropped:       func(Client, *Message, DropReason) { told() },
		SessionEnded:  func(string, SessionEnd) { told() },
		Connect: func(c Client) error {
			if c.ID == "unlucky" {
				panic("asked")
			}
			return nil
		},
		Subscribe: func(_ Client, f *TopicFilter) error {
			if f.Name == "panic" {
				panic("asked")
			}
			return nil
		},
		Publish: func(_ Client, m *Message) error {
			if m.Topic == "panic" {
				panic("asked")
			}
			return nil
		},
	}
	b := start(t, WithHooks(h), WithLogger(zap.New(core)))
	require.Equal(t, packet.ImplementationSpecificError, newClient(t, dial(t, b)).enter(durable("unlucky")).Code)

	c := connect(t, b, "c")
	var ack packet.Suback
	c.sendSubscribe(packet.QoS1, "panic", "fine")
	require.NoError(t, ack.Decode(c.expect(packet.TypeSuback), packet.V5))
	require.Len(t, ack.Codes, 2)
	require.True(t, ack.Codes[0].IsError())
	require.Equal(t, packet.ReasonCode(1), ack.Codes[1])
	require.Equal(t, packet.ImplementationSpecificError, c.publish(packet.QoS1, "panic", "x"))
	require.Equal(t, packet.Success, c.publish(packet.QoS1, "fine", "x"))
	c.gets("x")
	c.ping()
	c.leave()
	clean := durable("c")
	clean.CleanStart = true
	connectWith(t, dial(t, b), clean).ping()

	require.Zero(t, b.tree.counters.FailedSession.Load())
	require.Zero(t, b.tree.counters.FailedConnection.Load())
	require.GreaterOrEqual(t, b.tree.counters.HooksFailed.Load(), int64(10))
	require.NotZero(t, logs.FilterMessage("a hook of the program failed").Len())
}

// Before MQTT 5 a message that is refused with Not authorized is acknowledged,
// with anything else its connection is closed.
func TestHooksRefuseBeforeMQTT5(t *testing.T) {
	b := start(t, WithHooks(Hooks{Publish: func(_ Client, m *Message) error {
		if m.Topic == "not/authorized" {
			return &Refusal{Code: packet.NotAuthorized}
		}
		return &Refusal{Code: packet.QuotaExceeded}
	}}))
	conn, err := net.Dial("tcp", b.Addr("tcp").String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	c := newClient(t, conn)
	connect := packet.Connect{Version: packet.V311, ClientID: []byte("c"), CleanStart: true}
	c.write(connect.Append(nil))
	c.expect(packet.TypeConnack)
	p := packet.Publish{Topic: []byte("not/authorized"), QoS: packet.QoS1, PacketID: 1}
	c.write(p.Append(nil, packet.V311))
	c.expect(packet.TypePuback)
	p.Topic, p.PacketID = []byte("other"), 2
	c.write(p.Append(nil, packet.V311))
	require.Nil(t, c.gone())
}

// The reason of a refusal comes to the Client where it is let in, and stands in the
// log; where it is not, it is for the log alone.
func TestReasonsOfRefusals(t *testing.T) {
	log := newDiary()
	log.LevelEnabler = zap.DebugLevel
	refuse := func(reason string) error { return &Refusal{Code: packet.QuotaExceeded, Reason: reason} }
	b := start(t, log.option(), WithHooks(Hooks{
		Connect: func(c Client) error {
			if c.ID == "banned" {
				return &Refusal{Code: packet.Banned, Reason: "he knows why"}
			}
			return nil
		},
		Publish:   func(_ Client, m *Message) error { return refuse(string(m.Payload)) },
		Subscribe: func(_ Client, f *TopicFilter) error { return fmt.Errorf("wrapped: %w", refuse("no "+f.Name)) },
	}))
	c := connect(t, b, "c")
	answer := func(qos packet.QoS, payload string) (p packet.Puback) {
		t.Helper()
		m := packet.Publish{QoS: qos, Topic: []byte("a"), Payload: []byte(payload), PacketID: c.next()}
		c.write(m.Append(nil, packet.V5))
		frame := c.expect(packet.TypePuback + packet.Type(qos-packet.QoS1))
		frame[0] = byte(packet.TypePuback) << 4 // they share their layout
		require.NoError(t, p.Decode(frame, packet.V5))
		require.Equal(t, m.PacketID, p.PacketID)
		require.Equal(t, packet.QuotaExceeded, p.Code)
		return p
	}
	for _, qos := range []packet.QoS{packet.QoS1, packet.QoS2} {
		require.Equal(t, "full", string(answer(qos, "full").ReasonString))
		require.Nil(t, answer(qos, "").ReasonString)
		for _, cannot := range []string{"\xff", "a\x00b", strings.Repeat("x", 65_536)} {
			require.Nil(t, answer(qos, cannot).ReasonString)
		}
	}
	log.await(t, 2, "a hook of the program refused", "client", "c", "reason", "full", "hook", "Publish")
	id := c.sendSubscribe(packet.QoS1, "x", "y")
	var ack packet.Suback
	require.NoError(t, ack.Decode(c.expect(packet.TypeSuback), packet.V5))
	require.Equal(t, packet.Suback{PacketID: id, Codes: []packet.ReasonCode{packet.QuotaExceeded, packet.QuotaExceeded}, ReasonString: []byte("no x")}, ack)
	log.await(t, 1, "a hook of the program refused", "client", "c", "reason", "no y", "hook", "Subscribe")

	banned := newClient(t, dial(t, b)).enter(durable("banned"))
	require.Equal(t, packet.Banned, banned.Code)
	require.Nil(t, banned.ReasonString)
}
