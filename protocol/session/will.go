package session

import "github.com/troupemq/troupe/protocol/packet"

// leaveWill does what the end of a connection means for its Will: published now, or when its Will
// Delay Interval is over, or when the Session ends, whichever comes first [MQTT-3.1.2-8].
// A Client that comes back before takes it away [MQTT-3.1.3-9].
func (s *Session) leaveWill(now int64, out *Output) {
	switch {
	case s.will == nil:
	case s.will.DelayInterval == 0 || s.expiry == 0:
		s.publishWill(now, out)
	default:
		s.willAt = now + int64(s.will.DelayInterval)*1000
	}
}

// publishWill hands the Will to the host and forgets it [MQTT-3.1.2-10].
func (s *Session) publishWill(now int64, out *Output) {
	w := s.will
	s.will, s.willAt = nil, 0
	if w == nil {
		return
	}
	run := packet.NewRun(w.Publish(), s.version)
	if run.HasExpiry {
		run.Deadline = now + int64(run.Expiry)*1000
	}
	out.Publish = append(out.Publish, run)
	out.Wills = true
}
