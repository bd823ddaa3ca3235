package packet

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Parts of CONNECT up to Keep Alive, which is 60.
func open31(flags byte) []byte  { return join(str("MQIsdp"), raw(3, flags), u16(60)) }
func open311(flags byte) []byte { return join(str("MQTT"), raw(4, flags), u16(60)) }
func open5(flags byte) []byte   { return join(str("MQTT"), raw(5, flags), u16(60)) }

func connect(c Connect) *connectPacket {
	c.KeepAlive = 60
	return &connectPacket{c}
}

func everyConnect() []byte {
	return frame(0x10, open5(0b1111_0110),
		props(prop(0x11, u32(3600)), prop(0x15, str("SCRAM")), prop(0x16, str("\x00")), prop(0x17, raw(0)), prop(0x19, raw(1)),
			prop(0x21, u16(10)), prop(0x22, u16(20)), prop(0x27, u32(1<<20)), user("a", "b")),
		str("client"),
		props(prop(0x18, u32(5)), prop(0x01, raw(1)), prop(0x02, u32(9)), prop(0x03, str("text")), prop(0x08, str("r")),
			prop(0x09, str("c")), user("w", "x")),
		str("will/topic"), str("gone"), str("user"), str("pass"))
}

func everyConnectDecoded() Connect {
	return Connect{
		Version: V5, CleanStart: true, ClientID: []byte("client"), Username: []byte("user"), Password: []byte("pass"),
		HasSessionExpiry: true, SessionExpiry: 3600, AuthMethod: []byte("SCRAM"), AuthData: []byte{0},
		RequestResponseInformation: true, ReceiveMaximum: 10, TopicAliasMaximum: 20, MaximumPacketSize: 1 << 20,
		UserProperties: UserProperties(nil).With("a", "b"),
		Will: &Will{QoS: QoS2, Retain: true, DelayInterval: 5, HasPayloadFormat: true, PayloadFormat: 1, HasMessageExpiry: true,
			MessageExpiry: 9, ContentType: []byte("text"), ResponseTopic: []byte("r"), CorrelationData: []byte("c"),
			UserProperties: UserProperties(nil).With("w", "x"), Topic: []byte("will/topic"), Payload: []byte("gone")},
	}
}

func TestConnect(t *testing.T) {
	testGood(t, []good{
		{"plain", V31, frame(0x10, open31(2), str("c")),
			connect(Connect{Version: V31, CleanStart: true, ClientID: []byte("c"), RequestProblemInformation: true})},
		{"plain", V311, frame(0x10, open311(2), str("c")),
			connect(Connect{Version: V311, CleanStart: true, ClientID: []byte("c"), RequestProblemInformation: true})},
		{"keeps its Session", V311, frame(0x10, open311(0), str("c")),
			connect(Connect{Version: V311, ClientID: []byte("c"), RequestProblemInformation: true})},
		{"identifier to be assigned", V311, frame(0x10, open311(2), str("")),
			connect(Connect{Version: V311, CleanStart: true, ClientID: []byte{}, RequestProblemInformation: true})},
		{"identifier to be assigned", V5, frame(0x10, open5(0), props(), str("")),
			connect(Connect{Version: V5, ClientID: []byte{}, RequestProblemInformation: true})},
		{"long identifier", V31, frame(0x10, open31(2), str(strings.Repeat("c", 200))),
			connect(Connect{Version: V31, CleanStart: true, ClientID: []byte(strings.Repeat("c", 200)), RequestProblemInformation: true})},
		{"Will, User Name and Password", V311, frame(0x10, open311(0b1110_1110), str("c"), str("w"), str("gone"), str("u"), str("p")),
			connect(Connect{Version: V311, CleanStart: true, ClientID: []byte("c"), RequestProblemInformation: true, Username: []byte("u"),
				Password: []byte("p"), Will: &Will{QoS: QoS1, Retain: true, Topic: []byte("w"), Payload: []byte("gone")}})},
		{"empty fields are present", V311, frame(0x10, open311(0b1100_0110), str("c"), str("w"), str(""), str(""), str("")),
			connect(Connect{Version: V311, CleanStart: true, ClientID: []byte("c"), RequestProblemInformation: true, Username: []byte{},
				Password: []byte{}, Will: &Will{Topic: []byte("w"), Payload: []byte{}}})},
		{"Password alone", V5, frame(0x10, open5(0b0100_0010), props(), str("c"), str("p")),
			connect(Connect{Version: V5, CleanStart: true, ClientID: []byte("c"), RequestProblemInformation: true, Password: []byte("p")})},
		{"bridge", V31, frame(0x10, str("MQIsdp"), raw(0x83, 2), u16(60), str("c")),
			connect(Connect{Version: V31, Bridge: true, CleanStart: true, ClientID: []byte("c"), RequestProblemInformation: true})},
		{"bridge", V311, frame(0x10, str("MQTT"), raw(0x84, 0), u16(60), str("c")),
			connect(Connect{Version: V311, Bridge: true, ClientID: []byte("c"), RequestProblemInformation: true})},
		{"everything", V5, everyConnect(), connect(everyConnectDecoded())},
	})
}

func TestConnectBad(t *testing.T) {
	v5 := func(section ...[]byte) []byte { return frame(0x10, open5(2), props(section...), str("c")) }
	will5 := func(section ...[]byte) []byte {
		return frame(0x10, open5(6), props(), str("c"), props(section...), str("w"), str(""))
	}
	testBad(t, TypeConnect, []bad{
		{"reserved flag", V311, frame(0x10, open311(3), str("c")), MalformedPacket, "MQTT-3.1.2-3"},
		{"reserved flag", V5, frame(0x10, open5(3), props(), str("c")), MalformedPacket, "MQTT-3.1.2-3"},
		{"Will QoS 3", V31, frame(0x10, open31(0b0001_1110), str("c"), str("w"), str("")), MalformedPacket, "MQTT-3.1.2-12"},
		{"Will QoS 3", V5, frame(0x10, open5(0b0001_1110), props(), str("c"), props(), str("w"), str("")), MalformedPacket, "MQTT-3.1.2-12"},
		{"Will QoS without Will", V311, frame(0x10, open311(0b0000_1010), str("c")), MalformedPacket, "MQTT-3.1.2-11"},
		{"Will Retain without Will", V5, frame(0x10, open5(0b0010_0010), props(), str("c")), MalformedPacket, "MQTT-3.1.2-13"},
		{"Password without User Name", V31, frame(0x10, open31(0b0100_0010), str("c"), str("p")), MalformedPacket, ""},
		{"Password without User Name", V311, frame(0x10, open311(0b0100_0010), str("c"), str("p")), MalformedPacket, ""},
		{"no Client Identifier", V311, frame(0x10, open311(2)), MalformedPacket, "MQTT-3.1.3-3"},
		{"empty Client Identifier", V31, frame(0x10, open31(2), str("")), ClientIdentifierNotValid, "MQTT-3.1.3-8"},
		{"empty Client Identifier with Session", V311, frame(0x10, open311(0), str("")), ClientIdentifierNotValid, "MQTT-3.1.3-8"},
		{"Client Identifier is not UTF-8", V311, frame(0x10, open311(2), str("\xc3")), MalformedPacket, "MQTT-1.5.4-1"},
		{"no Will", V311, frame(0x10, open311(6), str("c")), MalformedPacket, "MQTT-3.1.2-9"},
		{"Will Topic with U+0000", V311, frame(0x10, open311(6), str("c"), str("\x00"), str("")), MalformedPacket, "MQTT-1.5.4-2"},
		{"no Will Payload", V311, frame(0x10, open311(6), str("c"), str("w")), MalformedPacket, ""},
		{"no User Name", V311, frame(0x10, open311(0b1000_0010), str("c")), MalformedPacket, "MQTT-3.1.2-17"},
		{"User Name is not UTF-8", V311, frame(0x10, open311(0b1000_0010), str("c"), str("\xff")), MalformedPacket, "MQTT-1.5.4-1"},
		{"no Password", V311, frame(0x10, open311(0b1100_0010), str("c"), str("u")), MalformedPacket, "MQTT-3.1.2-19"},
		{"User Name without its flag", V311, frame(0x10, open311(2), str("c"), str("u")), MalformedPacket, ""},
		{"no properties", V5, frame(0x10, open5(2)), MalformedPacket, "MQTT-2.2.2-1"},
		{"property of PUBLISH", V5, v5(prop(0x01, raw(0))), MalformedPacket, ""},
		{"Receive Maximum 0", V5, v5(prop(0x21, u16(0))), ProtocolError, ""},
		{"Maximum Packet Size 0", V5, v5(prop(0x27, u32(0))), ProtocolError, ""},
		{"Request Response Information 2", V5, v5(prop(0x19, raw(2))), ProtocolError, ""},
		{"Request Problem Information 2", V5, v5(prop(0x17, raw(2))), ProtocolError, ""},
		{"Authentication Data without Method", V5, v5(prop(0x16, str("x"))), ProtocolError, ""},
		{"Authentication Method is not UTF-8", V5, v5(prop(0x15, str("\xff"))), MalformedPacket, "MQTT-1.5.4-1"},
		{"Session Expiry twice", V5, v5(prop(0x11, u32(0)), prop(0x11, u32(0))), ProtocolError, ""},
		{"Topic Alias in a Will", V5, will5(prop(0x23, u16(1))), MalformedPacket, ""},
		{"Will Delay twice", V5, will5(prop(0x18, u32(0)), prop(0x18, u32(0))), ProtocolError, ""},
		{"Will's Payload Format 2", V5, will5(prop(0x01, raw(2))), ProtocolError, ""},
		{"Will's Response Topic with a wildcard", V5, will5(prop(0x08, str("#"))), ProtocolError, "MQTT-3.3.2-14"},
		{"no Will Properties", V5, frame(0x10, open5(6), props(), str("c")), MalformedPacket, "MQTT-3.1.2-9"},
	})
}

// TestConnectVersion wants to know from Version how to answer.
func TestConnectVersion(t *testing.T) {
	for _, c := range []struct {
		name      string
		level     byte
		answer    Version
		statement string
	}{
		{"MQTT", 3, V311, "MQTT-3.1.2-2"},
		{"MQTT", 0, V311, "MQTT-3.1.2-2"},
		{"MQTT", 6, V5, "MQTT-3.1.2-2"},
		{"MQTT", 255, V5, "MQTT-3.1.2-2"},
		{"MQTT", 0x83, V311, "MQTT-3.1.2-2"},
		{"MQTT", 0x85, V5, "MQTT-3.1.2-2"},
		{"MQIsdp", 4, V311, "MQTT-3.1.2-2"},
		{"MQIsdp", 0x84, V311, "MQTT-3.1.2-2"},
		{"MQIsdp", 5, V5, "MQTT-3.1.2-2"},
		{"mqtt", 4, 0, "MQTT-3.1.2-1"},
		{"", 4, 0, "MQTT-3.1.2-1"},
		{"HTTP", 5, 0, "MQTT-3.1.2-1"},
	} {
		var p Connect
		requireError(t, p.Decode(frame(0x10, str(c.name), raw(c.level, 2), u16(0), props(), str("c"))), UnsupportedProtocolVersion, c.statement)
		require.Equal(t, c.answer, p.Version, "%s %d", c.name, c.level)
		require.False(t, p.Bridge, "%s %d", c.name, c.level)
	}
	var p Connect
	requireError(t, p.Decode(frame(0x10, open5(3))), MalformedPacket, "MQTT-3.1.2-3")
	require.Equal(t, V5, p.Version)
}

// TestConnect31 holds what only 3.1 allows.
func TestConnect31(t *testing.T) {
	for _, f := range [][]byte{
		frame(0x10, open31(0b0000_0011), str("c")), // the reserved flag
		frame(0x10, open31(0b0011_1010), str("c")), // fields of a Will that is not there
		frame(0x10, open31(0b1100_0010), str("c")), // User Name and Password announced and left out
	} {
		var p Connect
		require.NoError(t, p.Decode(f))
		require.Nil(t, p.Will)
		require.Nil(t, p.Username)
		require.Nil(t, p.Password)
	}
	var p Connect
	require.NoError(t, p.Decode(frame(0x10, open31(0b1100_0010), str("c"), str("u"))))
	require.Equal(t, "u", string(p.Username))
	require.Nil(t, p.Password)
}

func TestConnectTruncated(t *testing.T) {
	testTruncated(t, TypeConnect, V5, everyConnect())
	testTruncated(t, TypeConnect, V311, frame(0x10, open311(0b1110_1110), str("c"), str("w"), str("gone"), str("u"), str("p")))
}

// TestConnectClone overwrites the frame under a clone.
func TestConnectClone(t *testing.T) {
	f := everyConnect()
	var p Connect
	require.NoError(t, p.Decode(f))
	var c Connect
	buffer := p.CloneTo(&c, nil)
	want := everyConnectDecoded()
	want.KeepAlive = 60
	clear(f)
	require.Equal(t, want, c)
	require.Equal(t, make([]byte, 6), p.ClientID)
	_ = append(c.ClientID, "over the next field"...)
	require.Equal(t, want, c)

	var absent Connect
	(&Connect{Username: []byte{}}).CloneTo(&absent, nil)
	require.Equal(t, Connect{Username: []byte{}}, absent)

	again := Connect{ClientID: []byte("another")}
	require.Zero(t, testing.AllocsPerRun(10, func() { buffer = again.CloneTo(&c, buffer) }))
	require.Equal(t, again, c)
}

func TestWillPublish(t *testing.T) {
	var p Connect
	require.NoError(t, p.Decode(everyConnect()))
	require.Equal(t, &Publish{
		QoS: QoS2, Retain: true, HasPayloadFormat: true, PayloadFormat: 1, HasMessageExpiry: true, MessageExpiry: 9,
		ContentType: []byte("text"), ResponseTopic: []byte("r"), CorrelationData: []byte("c"),
		UserProperties: UserProperties(nil).With("w", "x"), Topic: []byte("will/topic"), Payload: []byte("gone"),
	}, p.Will.Publish())
}
