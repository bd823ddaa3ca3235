package link

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// compiled makes the rules of a bridge after a change.
func compiled(t testing.TB, change func(*configs.Bridge)) *rules {
	c := configs.NewBridge("b", "mqtt://127.0.0.1")
	c.Forward = []configs.Forward{configs.NewForward("out/+/x/#", "site/+/#"), configs.NewForward("plain/#", "")}
	c.Receive = []configs.Receive{configs.NewReceive("in/#", "orders/#")}
	change(&c)
	r, err := compile(&c, "here")
	require.NoError(t, err)
	return r
}

func user(pairs ...string) (u packet.UserProperties) {
	for i := 0; i < len(pairs); i += 2 {
		u = u.With(pairs[i], pairs[i+1])
	}
	return u
}

func TestOutbound(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*configs.Bridge)
		in     packet.Publish
		want   packet.Publish
		fate   fate
	}{
		"a topic of another name": {nil,
			packet.Publish{QoS: 1, PacketID: 7, Dup: true, Retain: true, Topic: []byte("out/9/x/a/b"), Payload: []byte("p"), ContentType: []byte("c"), HasMessageExpiry: true, MessageExpiry: 9},
			packet.Publish{QoS: 1, PacketID: 7, Dup: true, Retain: true, Topic: []byte("site/9/a/b"), Payload: []byte("p"), ContentType: []byte("c"), HasMessageExpiry: true, MessageExpiry: 9, UserProperties: user("troupe-via", "here")}, sent},
		"as it is": {nil, packet.Publish{Topic: []byte("plain")}, packet.Publish{Topic: []byte("plain"), UserProperties: user("troupe-via", "here")}, sent},
		"no rule":  {nil, packet.Publish{Topic: []byte("other")}, packet.Publish{}, unmatched},
		"the way goes on": {nil,
			packet.Publish{Topic: []byte("plain"), UserProperties: user("a", "1", "troupe-via", "x,y", "b", "2")},
			packet.Publish{Topic: []byte("plain"), UserProperties: user("a", "1", "b", "2", "troupe-via", "x,y,here")}, sent},
		"far enough": {func(b *configs.Bridge) { b.Hops = 2 },
			packet.Publish{Topic: []byte("plain"), UserProperties: user("troupe-via", "x,y")}, packet.Publish{}, looped},
		"not yet far enough": {func(b *configs.Bridge) { b.Hops = 2 },
			packet.Publish{Topic: []byte("plain"), UserProperties: user("troupe-via", "x")},
			packet.Publish{Topic: []byte("plain"), UserProperties: user("troupe-via", "x,here")}, sent},
		"no guard": {func(b *configs.Bridge) { b.LoopGuard = false },
			packet.Publish{Topic: []byte("plain"), UserProperties: user("troupe-via", "x")},
			packet.Publish{Topic: []byte("plain"), UserProperties: user("troupe-via", "x")}, sent},
		"what a rule says": {func(b *configs.Bridge) {
			b.Forward[1].Retain, b.Forward[1].UserProperties, b.Forward[1].Prefix = configs.RetainSet, "site=7", "p/"
		},
			packet.Publish{Topic: []byte("plain/a")},
			packet.Publish{Topic: []byte("p/plain/a"), Retain: true, UserProperties: user("site", "7", "troupe-via", "here")}, sent},
		"RETAIN is taken away": {func(b *configs.Bridge) { b.Forward[1].Retain = configs.RetainClear },
			packet.Publish{Topic: []byte("plain"), Retain: true}, packet.Publish{Topic: []byte("plain"), UserProperties: user("troupe-via", "here")}, sent},
	} {
		t.Run(name, func(t *testing.T) {
			if c.change == nil {
				c.change = func(*configs.Bridge) {}
			}
			r := compiled(t, c.change)
			for range 2 { // the second time by what was found before
				p := c.in
				b, fate := r.outbound([]byte("before"), &p, packet.V5)
				require.Equal(t, c.fate, fate)
				require.Equal(t, "before", string(b[:6]))
				if fate != sent {
					require.Len(t, b, 6)
					continue
				}
				require.Equal(t, c.want.Append(nil, packet.V5), b[6:])
			}
			p := c.in
			b, fate := r.outbound(nil, &p, packet.V311)
			if c.fate == sent {
				require.Equal(t, sent, fate)
				want := packet.Publish{Dup: c.want.Dup, Retain: c.want.Retain, QoS: c.want.QoS, PacketID: c.want.PacketID, Topic: c.want.Topic, Payload: c.want.Payload}
				require.Equal(t, want.Append(nil, packet.V311), b, "properties cannot pass")
			}
		})
	}
}

// What can be kept is kept on the way in, whatever the version of the upstream.
func TestInboundKeepsWhatItCan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &rules{}
		c := configs.NewBridge("b", "mqtt://127.0.0.1")
		c.Receive = []configs.Receive{configs.NewReceive("in/#", "orders/#")}
		c.Receive[0].Retain = rapid.SampledFrom([]configs.BridgeRetain{configs.RetainKeep, configs.RetainSet, configs.RetainClear}).Draw(t, "retain rule")
		r, err := compile(&c, "here")
		require.NoError(t, err)
		v := rapid.SampledFrom([]packet.Version{packet.V31, packet.V311, packet.V5}).Draw(t, "version")
		in := packet.Publish{
			QoS: packet.QoS(rapid.IntRange(0, 2).Draw(t, "qos")), Retain: rapid.Bool().Draw(t, "retain"),
			Topic:   []byte("in/" + rapid.StringMatching(`[a-z/]{0,8}`).Draw(t, "topic")),
			Payload: rapid.SliceOf(rapid.Byte()).Draw(t, "payload"),
		}
		if in.QoS > 0 {
			in.PacketID, in.Dup = rapid.Uint16Min(1).Draw(t, "id"), rapid.Bool().Draw(t, "dup")
		}
		if v == packet.V5 {
			in.SubscriptionIDs = []uint32{7}
			in.ResponseTopic, in.CorrelationData = []byte("answer"), []byte{1, 2}
			in.UserProperties = user("k", rapid.StringMatching(`[a-z]*`).Draw(t, "value"), session.ViaProperty, "x")
		}
		var p packet.Publish
		require.NoError(t, p.Decode(in.Append(nil, v), v))
		b, ok := r.inbound(nil, &p)
		require.True(t, ok)
		var got packet.Publish
		require.NoError(t, got.Decode(b, packet.V5))
		want := in
		want.SubscriptionIDs = nil
		want.Topic = append([]byte("orders"), in.Topic[2:]...)
		switch c.Receive[0].Retain {
		case configs.RetainSet:
			want.Retain = true
		case configs.RetainClear:
			want.Retain = false
		}
		require.Equal(t, want.Append(nil, packet.V5), b)
	})
}

// FuzzUpstream lets an upstream send anything: what comes to the session of it
// is whole packets that a Client may send.
func FuzzUpstream(f *testing.F) {
	f.Add((&packet.Publish{QoS: 1, PacketID: 3, Topic: []byte("in/a"), UserProperties: user("a", "b")}).Append(nil, packet.V5))
	f.Add([]byte{0x40, 2, 0, 1, 0x50, 3, 0, 1, 0x92, 0x62, 2, 0, 9, 0x70, 2, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		l := newTestLink(t, carrying)
		for len(b) > 0 && l.phase != over {
			h, ok, err := packet.ReadHeader(b, 1<<20)
			if err != nil || !ok || h.FrameSize() > len(b) {
				break
			}
			_ = l.packet(h.Type, b[:h.FrameSize()])
			b = b[h.FrameSize():]
		}
		for rest := l.in.frames; len(rest) > 0; {
			h, ok, err := packet.ReadHeader(rest, 1<<20)
			require.NoError(t, err)
			require.True(t, ok && h.FrameSize() <= len(rest))
			if h.Type == packet.TypePublish {
				var p packet.Publish
				require.NoError(t, p.Decode(rest[:h.FrameSize()], packet.V5))
				require.Zero(t, p.TopicAlias)
				require.Empty(t, p.SubscriptionIDs)
			}
			rest = rest[h.FrameSize():]
		}
	})
}

func BenchmarkForward(b *testing.B) {
	for name, v := range map[string]packet.Version{"v5": packet.V5, "v3.1.1": packet.V311} {
		b.Run(name, func(b *testing.B) {
			r := compiled(b, func(*configs.Bridge) {})
			frame := (&packet.Publish{QoS: 1, PacketID: 3, Topic: []byte("out/7/x/temperature"), Payload: make([]byte, 100)}).Append(nil, packet.V5)
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				var p packet.Publish
				_ = p.Decode(frame, packet.V5)
				dst, _ = r.outbound(dst[:0], &p, v)
			}
		})
	}
}

func BenchmarkReceive(b *testing.B) {
	r := compiled(b, func(*configs.Bridge) {})
	frame := (&packet.Publish{QoS: 1, PacketID: 3, Topic: []byte("in/7/x/temperature"), Payload: make([]byte, 100)}).Append(nil, packet.V5)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		var p packet.Publish
		_ = p.Decode(frame, packet.V5)
		dst, _ = r.inbound(dst[:0], &p)
	}
}
