package session

import "github.com/troupemq/troupe/protocol/packet"

// authentication is there when the CONNECT had an Authentication Method.
type authentication struct {
	method string
	active bool // a re-authentication is under way
}

// receiveAuth takes a step of a re-authentication (section 4.12.1).
func (s *Session) receiveAuth(frame []byte, out *Output) error {
	var p packet.Auth
	if err := p.Decode(frame, s.version); err != nil {
		return err
	}
	if s.unusual().auth == nil {
		return violation(packet.ProtocolError, "AUTH without an Authentication Method in CONNECT", "MQTT-4.12.0-7")
	}
	first := p.Code == packet.Reauthenticate
	switch {
	case string(p.AuthMethod) != s.rare.auth.method:
		return violation(packet.ProtocolError, "AUTH with another Authentication Method", "MQTT-4.12.1-1")
	case first == s.rare.auth.active, !first && p.Code != packet.ContinueAuthentication:
		return violation(packet.ProtocolError, "AUTH out of turn", "MQTT-4.12.0-3")
	}
	s.rare.auth.active = true
	out.Authenticate = &AuthStep{Method: s.rare.auth.method, Data: p.AuthData, Again: true, First: first}
	return nil
}

// Authenticated answers a step of a re-authentication. On an error the Client is disconnected
// [MQTT-4.12.1-2].
func (s *Session) Authenticated(r AuthResult, out *Output) {
	if s.state != attached || s.unusual().auth == nil || !s.rare.auth.active {
		return
	}
	if r.Code.IsError() {
		s.close(r.Code, violation(r.Code, r.Reason, ""), out)
		return
	}
	s.rare.auth.active = r.Code == packet.ContinueAuthentication
	start := len(out.Packets)
	out.Packets = appendAuth(out.Packets, s.rare.auth.method, r, s.problems, s.maxPacket)
	if !s.fits(start, out) {
		s.close(packet.PacketTooLarge, nil, out)
	}
}

// appendAuth writes AUTH [MQTT-4.12.0-2] [MQTT-4.12.0-5], with the Reason String if the Client wants
// it [MQTT-3.1.2-29] and it fits [MQTT-3.15.2-2].
func appendAuth(dst []byte, method string, r AuthResult, problems bool, limit uint32) []byte {
	p := packet.Auth{Code: r.Code, AuthMethod: []byte(method), AuthData: r.Data}
	start := len(dst)
	if problems && r.Reason != "" {
		p.ReasonString = []byte(r.Reason)
		if dst = p.Append(dst, packet.V5); len(dst)-start <= int(limit) {
			return dst
		}
		p.ReasonString = nil
	}
	return p.Append(dst[:start], packet.V5)
}
