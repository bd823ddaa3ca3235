package session

import (
	"slices"

	"github.com/troupemq/troupe/protocol/packet"
	core "github.com/troupemq/troupe/protocol/session"
)

// held is output that waits for a group.
type held struct {
	bytes []byte
	gate  bool   // it may tell of the Record
	group uint64 // the group that it is safe with; 0: none has collected it
	waits bool   // none could: what it tells of waits for a ticket, which the journal hears of
}

// tellHeld writes what is safe by now.
func (s *Session) tellHeld() {
	d := s.durable
	if d == nil {
		return
	}
	n := 0
	for n < len(d.held) && d.held[n].group != 0 && d.held[n].group <= d.safe {
		s.say(d.held[n].bytes)
		n++
	}
	d.held = slices.Delete(d.held, 0, n)
	if len(d.held) == 0 {
		d.held, d.gated = nil, false
	}
}

// say adds bytes to what goes to the Client.
func (s *Session) say(b []byte) {
	if s.packets == nil {
		s.packets = s.env.Buffers.Get()
	}
	s.packets.B = append(s.packets.B, b...)
	if len(s.packets.B) >= flushAt {
		s.flush()
	}
}

// guard takes from out what must not be written yet.
func (s *Session) guard(out *core.Output) {
	d := s.durable
	if d == nil {
		return
	}
	if out.Gate {
		d.gated = true
	}
	var fresh []byte // what the core wrote now and is not to go out
	own := 0
	if s.packets != nil {
		own = len(s.packets.B)
	}
	if d.gated {
		fresh = append(append([]byte(nil), out.Packets[own:]...), out.Held...)
		out.Packets = out.Packets[:own]
	} else if len(out.Held) > 0 {
		fresh = append([]byte(nil), out.Held...)
	}
	if len(fresh) == 0 {
		return
	}
	h := held{bytes: fresh, gate: d.gated}
	if !s.core.Dirty() { // it tells of nothing new
		h.group = max(d.last, 1)
		if n := len(d.held); n == 0 && d.last <= d.safe {
			out.Packets = append(out.Packets, fresh...)
			d.gated = false
			return
		}
	}
	if s.env.Tables.ReadOnly.Load() {
		s.hopeless(out)
		return
	}
	if n := len(d.held); n > 0 && d.held[n-1].gate == h.gate && d.held[n-1].group == h.group && !d.held[n-1].waits {
		d.held[n-1].bytes = append(d.held[n-1].bytes, fresh...)
		return
	}
	d.held = append(d.held, h)
}

// hopeless sends a Client away that asked for something of which it can never be
// told that it is safe. Before CONNACK it is sent away without a word.
func (s *Session) hopeless(out *core.Output) {
	before := len(out.Packets)
	s.core.Disconnect(packet.QuotaExceeded, s.env.Loop.Now(), out)
	if s.durable.gated {
		out.Packets = out.Packets[:before]
	}
}

// unhold forgets what a Client was to be told that is gone.
func (s *Session) unhold() {
	if d := s.durable; d != nil {
		d.held, d.gated = nil, false
	}
}
