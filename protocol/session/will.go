package session

import "github.com/troupemq/troupe/protocol/packet"

// leaveWill does what the end of a connection means for its Will: published now, or when its Will
// Delay Interval is over, or when the Session ends, whichever comes first [MQTT-3.1.2-8].
// A Client that comes back before takes it away [MQTT-3.1.3-9].
func (s *Session) leaveWill(now int64, out *Output) {
	switch w := s.unusual().will; {
	case w == nil:
	case w.DelayInterval == 0 || s.expiry == 0:
		s.publishWill(now, out)
	default:
		s.rare.willAt = now + int64(w.DelayInterval)*1000
		s.recorded()
	}
}

// setWill replaces the Will, with nil takes it away. None is due then.
func (s *Session) setWill(w *packet.Will) {
	if w == nil && s.rare == nil {
		return
	}
	r := s.seldom()
	if r.will != w {
		s.recorded()
	}
	r.will, r.willAt = w, 0
	s.tidy()
}

// publishWill hands the Will to the host and forgets it [MQTT-3.1.2-10].
func (s *Session) publishWill(now int64, out *Output) {
	w := s.unusual().will
	s.setWill(nil)
	change, version := s.change(), s.version
	s.setPolicy(nil)
	if w == nil {
		return
	}
	m := w.Publish()
	if change != nil {
		changed, anew, code, _ := s.changed(change, *m)
		if code.IsError() {
			out.Counts.Denied++
			return
		}
		if anew {
			m, version = &changed, packet.V5
		}
	}
	run := packet.NewRun(m, version)
	if run.HasExpiry {
		run.Deadline = now + int64(run.Expiry)*1000
	}
	out.Publish = append(out.Publish, run)
	out.Wills = true
}
