package session

import (
	"errors"

	"github.com/troupemq/troupe/protocol/packet"
)

func violation(code packet.ReasonCode, text, statement string) *packet.Error {
	return &packet.Error{Code: code, Text: text, Statement: statement}
}

// violate ends the connection because of what the Client sent [MQTT-4.13.1-1].
func (s *Session) violate(err error, out *Output) {
	code := packet.UnspecifiedError
	if e := (*packet.Error)(nil); errors.As(err, &e) {
		code = e.Code
	}
	s.close(code, err, out)
}

// Disconnect ends the connection by the Server's wish: a Client of version 5.0 is told why, one of an
// earlier version sees its connection closed. The host then calls Detach.
func (s *Session) Disconnect(code packet.ReasonCode, _ int64, out *Output) {
	if s.state == attached {
		s.close(code, nil, out)
	}
}

// Expel is Disconnect by a decision of the host, which may have a text for the Client; empty: it has none. It returns
// whether one was connected.
func (s *Session) Expel(code packet.ReasonCode, text string, out *Output) bool {
	if s.state != attached {
		return false
	}
	var err error
	if text != "" {
		err = violation(code, text, "")
	}
	s.close(code, err, out)
	return true
}

func (s *Session) close(code packet.ReasonCode, err error, out *Output) {
	start := len(out.Packets)
	out.Packets = appendDisconnect(out.Packets, s.version, s.maxPacket, code, err)
	if len(out.Packets) > start {
		out.Counts.Answered++
	}
	out.Close = &Close{Code: code, Err: err}
	s.state = closing
}

// appendDisconnect writes a DISCONNECT, with a Reason String if it fits [MQTT-3.14.2-3], to a Client
// whose version knows such a packet from a Server.
func appendDisconnect(dst []byte, v packet.Version, limit uint32, code packet.ReasonCode, err error) []byte {
	if v != packet.V5 {
		return dst
	}
	p := packet.Disconnect{Code: code, ReasonString: reason(err)}
	start := len(dst)
	dst = p.Append(dst, v)
	if len(dst)-start > int(limit) && p.ReasonString != nil {
		p.ReasonString = nil
		dst = p.Append(dst[:start], v)
	}
	if len(dst)-start > int(limit) {
		dst = dst[:start]
	}
	return dst
}

// reason is what the peer is told of an error.
func reason(err error) []byte {
	if e := (*packet.Error)(nil); errors.As(err, &e) && e.Text != "" {
		return []byte(e.Text)
	}
	return nil
}

// fits counts the answer that was written since start, or takes it back if it is above the Client's Maximum Packet Size
// [MQTT-3.1.2-24].
func (s *Session) fits(start int, out *Output) bool {
	if len(out.Packets)-start <= int(s.maxPacket) {
		out.Counts.Answered++
		return true
	}
	out.Packets = out.Packets[:start]
	return false
}
