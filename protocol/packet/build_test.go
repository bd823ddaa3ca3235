package packet

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// controlPacket is what all packets have in common, for tests over all of them.
type controlPacket interface {
	Decode(frame []byte, v Version) error
	Append(dst []byte, v Version) []byte
}

// connectPacket gives Connect the shape of the others.
type connectPacket struct{ Connect }

func (p *connectPacket) Decode(frame []byte, _ Version) error {
	return p.Connect.Decode(frame)
}

func (p *connectPacket) Append(dst []byte, _ Version) []byte {
	return p.Connect.Append(dst)
}

func newPacket(t Type) controlPacket {
	switch t {
	case TypeConnect:
		return new(connectPacket)
	case TypeConnack:
		return new(Connack)
	case TypePublish:
		return new(Publish)
	case TypePuback:
		return new(Puback)
	case TypePubrec:
		return new(Pubrec)
	case TypePubrel:
		return new(Pubrel)
	case TypePubcomp:
		return new(Pubcomp)
	case TypeSubscribe:
		return new(Subscribe)
	case TypeSuback:
		return new(Suback)
	case TypeUnsubscribe:
		return new(Unsubscribe)
	case TypeUnsuback:
		return new(Unsuback)
	case TypePingreq:
		return new(Pingreq)
	case TypePingresp:
		return new(Pingresp)
	case TypeDisconnect:
		return new(Disconnect)
	case TypeAuth:
		return new(Auth)
	}
	return nil
}

// frame puts the parts behind a fixed header. It does not use the code under
// test, and neither do the builders of parts below.
func frame(first byte, parts ...[]byte) []byte {
	body := join(parts...)
	return join([]byte{first}, length(len(body)), body)
}

// props is a property section.
func props(parts ...[]byte) []byte {
	body := join(parts...)
	return join(length(len(body)), body)
}

func length(n int) []byte {
	var b []byte
	for {
		digit := byte(n % 128)
		n /= 128
		if n == 0 {
			return append(b, digit)
		}
		b = append(b, digit|128)
	}
}

func join(parts ...[]byte) []byte {
	var b []byte
	for _, part := range parts {
		b = append(b, part...)
	}
	return b
}

func raw(b ...byte) []byte    { return b }
func rawText(s string) []byte { return []byte(s) }
func str(s string) []byte     { return join(u16(len(s)), []byte(s)) }
func u16(n int) []byte        { return []byte{byte(n >> 8), byte(n)} }
func u32(n int) []byte        { return join(u16(n>>16), u16(n&0xffff)) }

// prop is one property: its identifier and its value.
func prop(id byte, value []byte) []byte { return join([]byte{id}, value) }

func user(name, value string) []byte { return prop(0x26, join(str(name), str(value))) }

// good is a frame and what it says.
type good struct {
	name    string
	version Version
	frame   []byte
	packet  controlPacket
}

// testGood decodes each frame to the packet, and the packet to the frame.
func testGood(t *testing.T, cases []good) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.version.String()+" "+c.name, func(t *testing.T) {
			p := newPacket(Type(c.frame[0] >> 4))
			require.NoError(t, p.Decode(c.frame, c.version))
			require.Equal(t, c.packet, p)
			require.Equal(t, c.frame, c.packet.Append(nil, c.version))
			require.Equal(t, append([]byte("before"), c.frame...), c.packet.Append([]byte("before"), c.version))
		})
	}
}

// bad is a frame that must be refused.
type bad struct {
	name      string
	version   Version
	frame     []byte
	code      ReasonCode
	statement string
}

// testBad decodes each frame as a packet of type as.
func testBad(t *testing.T, as Type, cases []bad) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.version.String()+" "+c.name, func(t *testing.T) {
			requireError(t, newPacket(as).Decode(c.frame, c.version), c.code, c.statement)
		})
	}
}

func requireError(t *testing.T, err error, code ReasonCode, statement string) {
	t.Helper()
	var e *Error
	require.True(t, errors.As(err, &e), "not an *Error: %v", err)
	require.Equal(t, code, e.Code, e.Error())
	require.Equal(t, statement, e.Statement, e.Error())
	require.NotEmpty(t, e.Text)
}

// testTruncated cuts each frame at every byte, with a header that agrees, and
// wants it refused unless the shorter form is one of those that are valid.
func testTruncated(t *testing.T, as Type, v Version, whole []byte, valid ...int) {
	t.Helper()
	h, ok, err := ReadHeader(whole, 0)
	require.True(t, ok)
	require.NoError(t, err)
	body := whole[h.Size:]
	for n := range body {
		err := newPacket(as).Decode(frame(whole[0], body[:n]), v)
		shorter := false
		for _, m := range valid {
			shorter = shorter || n == m
		}
		if shorter {
			require.NoError(t, err, "%d bytes", n)
			continue
		}
		var e *Error
		require.True(t, errors.As(err, &e), "%d bytes: %v", n, err)
	}
}
