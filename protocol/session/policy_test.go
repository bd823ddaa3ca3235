package session_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// prefix allows what begins with it.
type prefix string

func (p *prefix) MayPublish(topic []byte, _ packet.QoS, _ bool) bool {
	return strings.HasPrefix(string(topic), string(*p))
}

func (p *prefix) MaySubscribe(filter string, _ packet.QoS) bool {
	return strings.HasPrefix(filter, string(*p))
}

func governed(c packet.Connect, p *session.Policy) *session.Session {
	s := session.New("c", openLimits())
	c.Version = max(c.Version, packet.V311)
	s.Attach(&c, session.Attachment{Policy: p}, 1, new(session.Output))
	return s
}

func send(s *session.Session, v packet.Version, packets ...interface {
	Append([]byte, packet.Version) []byte
}) *session.Output {
	var frames []byte
	for _, p := range packets {
		frames = p.Append(frames, v)
	}
	out := new(session.Output)
	s.Receive(frames, 2, out)
	return out
}

func TestPermissionsOfPublishes(t *testing.T) {
	may := prefix("mine/")
	v5 := governed(packet.Connect{Version: packet.V5}, &session.Policy{Permissions: &may})
	out := send(v5, packet.V5,
		&packet.Publish{Topic: []byte("theirs/x")},
		&packet.Publish{Topic: []byte("theirs/x"), QoS: packet.QoS1, PacketID: 1},
		&packet.Publish{Topic: []byte("theirs/x"), QoS: packet.QoS2, PacketID: 2},
		&packet.Publish{Topic: []byte("mine/x"), QoS: packet.QoS1, PacketID: 3})
	require.Len(t, out.Publish, 1)
	require.Equal(t, "mine/x", string(out.Publish[0].Topic))
	var want []byte
	want = (&packet.Puback{PacketID: 1, Code: packet.NotAuthorized}).Append(want, packet.V5)
	want = (&packet.Pubrec{PacketID: 2, Code: packet.NotAuthorized}).Append(want, packet.V5)
	require.Equal(t, want, out.Packets)
	require.Equal(t, &session.Denial{Topic: "theirs/x"}, out.Denied)
	require.EqualValues(t, 3, out.Counts.Denied)
	require.EqualValues(t, 1, out.Counts.DroppedInvalid, "QoS 0 cannot be answered")

	// Before version 5.0 there is no way to say so [MQTT-3.3.5-2].
	v4 := governed(packet.Connect{Version: packet.V311}, &session.Policy{Permissions: &may})
	out = send(v4, packet.V311, &packet.Publish{Topic: []byte("theirs/x"), QoS: packet.QoS1, PacketID: 1})
	require.Empty(t, out.Publish)
	require.Equal(t, (&packet.Puback{PacketID: 1}).Append(nil, packet.V311), out.Packets)

	// The answer may change while the Client is connected.
	may = "theirs/"
	require.Len(t, send(v4, packet.V311, &packet.Publish{Topic: []byte("theirs/x")}).Publish, 1)
}

func TestPermissionsOfSubscriptions(t *testing.T) {
	may := prefix("mine/")
	filters := []packet.TopicFilter{{Filter: []byte("theirs/#")}, {Filter: []byte("mine/#")}}
	for v, code := range map[packet.Version]packet.ReasonCode{packet.V5: packet.NotAuthorized, packet.V311: packet.UnspecifiedError} {
		c := packet.Connect{Version: v, HasSessionExpiry: v == packet.V5, SessionExpiry: 100}
		s := governed(c, &session.Policy{Permissions: &may})
		out := send(s, v, &packet.Subscribe{PacketID: 1, Filters: filters})
		require.Len(t, out.Subscribe, 1)
		require.Len(t, out.Subscribe[0].Subscriptions, 1)
		require.Equal(t, "mine/#", out.Subscribe[0].Subscriptions[0].Filter)
		require.Equal(t, &session.Denial{Topic: "theirs/#", Subscribe: true}, out.Denied)
		out.Reset()
		s.Subscribed(1, nil, out)
		require.Equal(t, (&packet.Suback{PacketID: 1, Codes: []packet.ReasonCode{code, packet.Success}}).Append(nil, v), out.Packets)
		require.True(t, s.Has("mine/#"))

		// A Client that comes back keeps what it may still hold.
		other := prefix("other/")
		s.Detach(3, out)
		out.Reset()
		s.Attach(&c, session.Attachment{Policy: &session.Policy{Permissions: &other}}, 4, out)
		require.Equal(t, []session.UnsubscribeRequest{{Filters: []string{"mine/#"}}}, out.Unsubscribe)
		require.False(t, s.Has("mine/#"))
	}
}

func TestJudgeAsksAgain(t *testing.T) {
	may := prefix("m")
	s := governed(packet.Connect{Version: packet.V5}, &session.Policy{Permissions: &may})
	send(s, packet.V5, &packet.Subscribe{PacketID: 1, Filters: []packet.TopicFilter{{Filter: []byte("m/a")}, {Filter: []byte("m/b")}}})
	var out session.Output
	s.Judge(&out)
	require.Empty(t, out.Unsubscribe)
	may = "m/a"
	s.Judge(&out)
	require.Equal(t, &session.Denial{Topic: "m/b", Subscribe: true}, out.Denied)
	require.Equal(t, []string{"m/b"}, out.Unsubscribe[0].Filters)
	require.True(t, s.Has("m/a"))
}

// gate lets in as long as it is true.
type gate bool

func (g *gate) Holds() bool { return bool(*g) }

func TestJudgeEndsWhatHoldsNoMore(t *testing.T) {
	will := &packet.Will{Topic: []byte("will"), Payload: []byte("gone")}
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		open := gate(true)
		c := packet.Connect{Version: v, HasSessionExpiry: v == packet.V5, SessionExpiry: 100, Will: will}
		s := governed(c, &session.Policy{Admission: &open})
		var out session.Output
		s.Judge(&out)
		require.Nil(t, out.Close)
		open = false
		s.Judge(&out)
		require.Equal(t, packet.AdministrativeAction, out.Close.Code)
		require.EqualValues(t, 1, out.Counts.Revoked)
		want := (&packet.Disconnect{Code: packet.AdministrativeAction, ReasonString: []byte("not let in any more")}).Append(nil, packet.V5)
		if v != packet.V5 {
			want = nil // there is no such packet
		}
		require.Equal(t, want, out.Packets)
		require.Empty(t, send(s, v, &packet.Publish{Topic: []byte("a")}).Publish, "nothing counts that comes behind it")
		s.Judge(&out)
		require.EqualValues(t, 1, out.Counts.Revoked, "once")
		out.Reset()
		s.Detach(3, &out)
		require.Equal(t, "will", string(out.Publish[0].Topic), "[MQTT-3.1.2-8]")
		require.False(t, s.Ended(), "the Session is the Client Identifier's")
		out.Reset()
		s.Judge(&out)
		require.Zero(t, out.Counts.Revoked, "who is away is let in when he comes")

		// Whoever was judged before that is over as soon as it is attached.
		out.Reset()
		s.Attach(&c, session.Attachment{Policy: &session.Policy{Admission: &open}}, 4, &out)
		require.Equal(t, packet.AdministrativeAction, out.Close.Code)
		require.EqualValues(t, 1, out.Counts.Revoked)
	}
}

func TestExpel(t *testing.T) {
	s := governed(packet.Connect{Version: packet.V5, HasSessionExpiry: true, SessionExpiry: 100}, nil)
	var out session.Output
	require.True(t, s.Expel(packet.QuotaExceeded, "for today", &out))
	require.Equal(t, (&packet.Disconnect{Code: packet.QuotaExceeded, ReasonString: []byte("for today")}).Append(nil, packet.V5), out.Packets)
	require.False(t, s.Expel(packet.QuotaExceeded, "", &out), "it is on its way out")
	s.Detach(2, &out)
	require.False(t, s.Expel(packet.QuotaExceeded, "", &out))
}

func TestHostChangesMessages(t *testing.T) {
	var shown []string
	change := func(p *packet.Publish) (bool, packet.ReasonCode, string) {
		shown = append(shown, string(p.Topic))
		switch {
		case bytes.HasPrefix(p.Topic, []byte("refuse")):
			return false, packet.QuotaExceeded, "full"
		case bytes.HasPrefix(p.Topic, []byte("break")):
			p.Topic = []byte("a/#")
			return true, packet.Success, ""
		case bytes.HasPrefix(p.Topic, []byte("change")):
			p.Topic, p.Payload, p.QoS = []byte("changed"), []byte("other"), packet.QoS0
			p.UserProperties = p.UserProperties.With("by", "host")
			return true, packet.Success, ""
		}
		return false, packet.Success, ""
	}
	for _, v := range []packet.Version{packet.V5, packet.V311} {
		shown = nil
		s := governed(packet.Connect{Version: v}, &session.Policy{Change: change})
		out := send(s, v,
			&packet.Publish{Topic: []byte("same"), QoS: packet.QoS1, PacketID: 1},
			&packet.Publish{Topic: []byte("same"), QoS: packet.QoS1, PacketID: 2},
			&packet.Publish{Topic: []byte("change"), QoS: packet.QoS1, PacketID: 3})
		require.Equal(t, []string{"same", "same", "change"}, shown, "each is shown, alike or not")
		require.Len(t, out.Publish, 3)
		require.Equal(t, "same", string(out.Publish[0].Topic))
		got := out.Publish[2]
		var p packet.Publish
		require.NoError(t, p.Decode(got.Frames, got.Version))
		require.Equal(t, "changed", string(p.Topic))
		require.Equal(t, "other", string(p.Payload))
		require.Equal(t, packet.QoS1, p.QoS, "the QoS is between the Client and us")
		require.Equal(t, packet.UserProperties(nil).With("by", "host"), p.UserProperties)
	}

	v5 := governed(packet.Connect{Version: packet.V5}, &session.Policy{Change: change})
	out := send(v5, packet.V5,
		&packet.Publish{Topic: []byte("refuse"), QoS: packet.QoS1, PacketID: 1},
		&packet.Publish{Topic: []byte("break"), QoS: packet.QoS1, PacketID: 2},
		&packet.Publish{Topic: []byte("change"), QoS: packet.QoS2, PacketID: 3})
	require.Len(t, out.Publish, 1)
	run := out.Publish[0]
	require.Nil(t, out.Denied, "who refuses it has a reason of his own")
	require.EqualValues(t, 2, out.Counts.Denied)
	v5.Acknowledge(run, packet.Success, out)
	var want []byte
	want = (&packet.Puback{PacketID: 1, Code: packet.QuotaExceeded}).Append(want, packet.V5)
	want = (&packet.Puback{PacketID: 2, Code: packet.ImplementationSpecificError}).Append(want, packet.V5)
	want = (&packet.Pubrec{PacketID: 3}).Append(want, packet.V5)
	require.Equal(t, want, out.Packets)
}

func TestHostChangesWills(t *testing.T) {
	for delay, detached := range map[uint32]bool{0: true, 5: false} {
		shown := 0
		s := governed(packet.Connect{
			Version: packet.V5, HasSessionExpiry: true, SessionExpiry: 100,
			Will: &packet.Will{Topic: []byte("gone"), DelayInterval: delay},
		}, &session.Policy{Change: func(p *packet.Publish) (bool, packet.ReasonCode, string) {
			shown++
			p.Topic = []byte("late")
			return true, packet.Success, ""
		}})
		var out session.Output
		s.Detach(10, &out)
		require.Equal(t, detached, len(out.Publish) == 1)
		s.Tick(6_000, &out)
		require.Len(t, out.Publish, 1)
		require.Equal(t, "late", string(out.Publish[0].Topic))
		require.Equal(t, 1, shown)
	}
}

// A Client hears the reason of a refusal if it wants to [MQTT-3.1.2-29] and can take it in.
func TestReasonsOfTheHost(t *testing.T) {
	policy := func() *session.Policy {
		return &session.Policy{
			Change: func(*packet.Publish) (bool, packet.ReasonCode, string) { return false, packet.QuotaExceeded, "full" },
			Grant: func(s *session.Subscription) (packet.ReasonCode, string) {
				return packet.NotAuthorized, "not " + s.Filter
			},
		}
	}
	filters := []packet.TopicFilter{{Filter: []byte("this")}, {Filter: []byte("that")}}
	codes := []packet.ReasonCode{packet.NotAuthorized, packet.NotAuthorized}
	for name, c := range map[string]struct {
		connect packet.Connect
		said    bool
	}{
		"wants it":        {packet.Connect{Version: packet.V5, RequestProblemInformation: true}, true},
		"wants none":      {packet.Connect{Version: packet.V5}, false},
		"takes in less":   {packet.Connect{Version: packet.V5, RequestProblemInformation: true, MaximumPacketSize: 10}, false},
		"takes in enough": {packet.Connect{Version: packet.V5, RequestProblemInformation: true, MaximumPacketSize: 18}, true},
	} {
		out := send(governed(c.connect, policy()), packet.V5,
			&packet.Publish{Topic: []byte("a"), QoS: packet.QoS1, PacketID: 1},
			&packet.Publish{Topic: []byte("a"), QoS: packet.QoS2, PacketID: 2},
			&packet.Subscribe{PacketID: 3, Filters: filters})
		full, not := []byte("full"), []byte("not this") // of several filters the first
		if !c.said {
			full, not = nil, nil
		}
		var want []byte
		want = (&packet.Puback{PacketID: 1, Code: packet.QuotaExceeded, ReasonString: full}).Append(want, packet.V5)
		want = (&packet.Pubrec{PacketID: 2, Code: packet.QuotaExceeded, ReasonString: full}).Append(want, packet.V5)
		want = (&packet.Suback{PacketID: 3, Codes: codes, ReasonString: not}).Append(want, packet.V5)
		require.Equal(t, want, out.Packets, name)
		require.EqualValues(t, 3, out.Counts.Answered, name)
		require.Nil(t, out.Close, name)
	}
	out := send(governed(packet.Connect{Version: packet.V311, RequestProblemInformation: true}, policy()), packet.V311, &packet.Subscribe{PacketID: 3, Filters: filters})
	require.Equal(t, (&packet.Suback{PacketID: 3, Codes: codes}).Append(nil, packet.V311), out.Packets)
}
