package session

import (
	"errors"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/topic"
)

// Handshake is what a Client and a Server say to each other before there is a Session: CONNECT, and
// with an Authentication Method AUTH packets both ways. The zero value waits for CONNECT.
//
// When Accepted returns the CONNECT, the host judges what it says (user name, Client Identifier),
// and either calls Refuse or attaches it to a Session, which sends CONNACK. Until then the Client
// gets nothing but AUTH packets, and what it sends waits with the host.
type Handshake struct {
	connect   *packet.Connect // nil, or own
	own       packet.Connect
	buffer    []byte // of its bytes
	asked     bool   // an AuthStep is with the host
	accepted  bool
	over      bool
	authData  []byte
	maxPacket uint32
}

// Receive takes the next whole frame. The first must be CONNECT [MQTT-3.1.0-1]; those after it may only
// be AUTH, when the host said to continue, or DISCONNECT.
func (h *Handshake) Receive(frame []byte, limits *Limits, out *Output) {
	if h.over || h.accepted {
		return
	}
	out.Counts.Packets++
	header, ok, err := packet.ReadHeader(frame, limits.MaxPacketSize)
	switch {
	case err != nil:
		h.fail(err, out)
	case !ok || header.FrameSize() != len(frame):
		h.fail(violation(packet.MalformedPacket, "incomplete packet", ""), out)
	case h.connect == nil:
		h.receiveConnect(frame, header.Type, limits, out)
	default:
		h.receiveNext(frame, header.Type, out)
	}
}

func (h *Handshake) receiveConnect(frame []byte, t packet.Type, limits *Limits, out *Output) {
	if t != packet.TypeConnect {
		h.fail(violation(packet.ProtocolError, t.String()+" before CONNECT", "MQTT-3.1.0-1"), out)
		return
	}
	var c packet.Connect
	err := c.Decode(frame)
	h.maxPacket = unlimited
	if err == nil && c.MaximumPacketSize != 0 {
		h.maxPacket = min(unlimited, c.MaximumPacketSize)
	}
	if err == nil {
		err = judgeWill(c.Will, limits)
	}
	if err != nil {
		h.connect = &packet.Connect{Version: c.Version, RequestProblemInformation: true}
		h.fail(err, out)
		return
	}
	h.connect = &h.own
	h.buffer = c.CloneTo(h.connect, h.buffer)
	if c.AuthMethod == nil {
		h.accepted = true
		return
	}
	h.asked = true
	out.Authenticate = &AuthStep{Method: string(c.AuthMethod), Data: c.AuthData, First: true}
}

func judgeWill(w *packet.Will, limits *Limits) error {
	switch {
	case w == nil:
	case topic.ValidateName(w.Topic) != nil:
		return violation(packet.TopicNameInvalid, "Will Topic is not a Topic Name", "MQTT-3.3.2-2")
	case limits.tooLong(w.Topic):
		return violation(packet.TopicNameInvalid, "Will Topic has too many levels, or bytes", "")
	case reserved(w.Topic):
		return violation(packet.NotAuthorized, "Will Topic is the Server's own", "")
	case w.QoS > limits.MaxQoS:
		return violation(packet.QoSNotSupported, "Will above the Maximum QoS", "MQTT-3.2.2-12")
	case w.Retain && !limits.RetainAvailable:
		return violation(packet.RetainNotSupported, "Will with RETAIN", "MQTT-3.2.2-13")
	}
	return nil
}

func (h *Handshake) receiveNext(frame []byte, t packet.Type, out *Output) {
	switch t {
	case packet.TypeDisconnect:
		var p packet.Disconnect
		if err := p.Decode(frame, h.connect.Version); err != nil {
			h.fail(err, out)
			return
		}
		h.over = true
		out.Close = &Close{Code: p.Code, ByClient: true}
		return
	case packet.TypeAuth:
		var p packet.Auth
		err := p.Decode(frame, h.connect.Version)
		switch {
		case err != nil:
		case h.asked, p.Code != packet.ContinueAuthentication: // [MQTT-4.12.0-3]
			err = violation(packet.ProtocolError, "AUTH out of turn", "MQTT-4.12.0-3")
		case string(p.AuthMethod) != string(h.connect.AuthMethod): // [MQTT-4.12.0-5]
			err = violation(packet.ProtocolError, "AUTH with another Authentication Method", "MQTT-4.12.0-5")
		default:
			h.asked = true
			out.Authenticate = &AuthStep{Method: string(p.AuthMethod), Data: p.AuthData}
			return
		}
		h.fail(err, out)
	case packet.TypeConnect:
		h.fail(violation(packet.ProtocolError, "second CONNECT", "MQTT-3.1.0-2"), out)
	default:
		h.fail(violation(packet.ProtocolError, t.String()+" before CONNACK", "MQTT-3.1.2-30"), out)
	}
}

// Authenticated answers an AuthStep: on, over, or refused.
func (h *Handshake) Authenticated(r AuthResult, out *Output) {
	switch {
	case h.over || !h.asked:
	case r.Code.IsError():
		h.refuse(r.Code, violation(r.Code, r.Reason, "MQTT-4.12.0-4"), out)
	case r.Code == packet.ContinueAuthentication:
		h.asked = false
		start := len(out.Packets)
		c := h.connect
		out.Packets = appendAuth(out.Packets, string(c.AuthMethod), r, c.RequestProblemInformation, h.maxPacket)
		if len(out.Packets)-start > int(h.maxPacket) {
			out.Packets = out.Packets[:start]
			h.over = true
			out.Close = &Close{Code: packet.PacketTooLarge}
		}
	default:
		h.asked, h.accepted = false, true
		h.authData = r.Data
	}
}

// Reset makes h wait for another CONNECT. What Accepted gave is not valid any more, but for the Will.
func (h *Handshake) Reset() {
	buffer := h.buffer
	if cap(buffer) > bufferKept {
		buffer = nil
	}
	*h = Handshake{buffer: buffer}
}

// bufferKept is how large the buffer of a Handshake that is used again may be, in bytes.
const bufferKept = 1024

// Accepted returns the CONNECT, a part of h that the caller may change, once the exchange is over, and nil before. An
// empty Client Identifier is to be replaced by one of the host's.
func (h *Handshake) Accepted() *packet.Connect {
	if h.over || !h.accepted {
		return nil
	}
	return h.connect
}

// Connect returns the CONNECT that is neither accepted nor refused yet, a part of h; nil if there is none.
func (h *Handshake) Connect() *packet.Connect {
	if h.over {
		return nil
	}
	return h.connect
}

// Attachment gives what the exchange of AUTH packets has to say in CONNACK.
func (h *Handshake) Attachment() Attachment {
	if h.connect == nil || h.connect.AuthMethod == nil {
		return Attachment{}
	}
	return Attachment{AuthMethod: string(h.connect.AuthMethod), AuthData: h.authData}
}

// Refuse answers CONNECT with an error code of version 5.0 and ends the handshake. Clients of earlier
// versions get the return code that comes next to it, or none when there is none.
func (h *Handshake) Refuse(code packet.ReasonCode, out *Output) {
	if !h.over {
		h.refuse(code, nil, out)
	}
}

func (h *Handshake) fail(err error, out *Output) {
	code := packet.UnspecifiedError
	if e := (*packet.Error)(nil); errors.As(err, &e) {
		code = e.Code
	}
	h.refuse(code, err, out)
}

// refuse writes CONNACK if what came was a CONNECT at all [MQTT-3.1.4-1] [MQTT-3.2.2-7].
func (h *Handshake) refuse(code packet.ReasonCode, err error, out *Output) {
	h.over = true
	out.Close = &Close{Code: code, Err: err}
	if h.connect == nil || h.connect.Version == 0 {
		return
	}
	v := h.connect.Version
	if _, ok := code.ReturnCode(); v != packet.V5 && !ok {
		return
	}
	p := packet.Connack{Code: code, ReasonString: reason(err)} // Session Present is 0 [MQTT-3.2.2-6]
	start := len(out.Packets)
	out.Packets = p.Append(out.Packets, v)
	if len(out.Packets)-start > int(h.maxPacket) {
		p.ReasonString = nil // [MQTT-3.2.2-19]
		out.Packets = p.Append(out.Packets[:start], v)
	}
	if len(out.Packets)-start > int(h.maxPacket) {
		out.Packets = out.Packets[:start]
	}
}
