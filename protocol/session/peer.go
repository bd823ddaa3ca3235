package session

import (
	"slices"

	"github.com/troupemq/troupe/protocol/packet"
)

// Peer is the Server at the other end of a bridge. The Session of a bridge takes, towards its own Server, the place of a Client that hands
// everything on: what it sends, with the Packet Identifiers that it gave, comes to the Peer, and the Peer's answers come back. So it is as much
// the state of a Client of the Peer, and has to know which Peer that is.
type Peer struct {
	Name    string // tells one Peer from another: of each the Session remembers what was open when it was left
	Present bool   // the Peer has kept its Session (Session Present). A crash before it is committed that it has not is taken for one that it has
	// Once says that what the Peer before may have got is not sent to this one: at most once. Otherwise all that was not finally acknowledged
	// is: at least once.
	Once bool
}

// Leftover is what was open with QoS 2 at a Peer when the Session went on with another. If the Peer still has its Session when it is met again, a new
// message with one of these Packet Identifiers would be taken for the old one.
type Leftover struct {
	Peer     string
	Sent     []Inflight // it may hold these, by Packet Identifier: what is not in flight any more is released there before anything else
	Received []uint16   // it has not released these: it may send them again
}

// peers is what the Session of a bridge knows of its Peers.
type peers struct {
	current string     // whose the Packet Identifiers are; empty: nobody's
	left    []Leftover // of the current one Sent alone, until it has answered
}

// nobody is the Peer of what came from one that has forgotten it.
const nobody = "\x00"

// meet goes on with a Peer: where it was, or with all that is open as new. With what changes, nothing may be said to the Peer before that is
// committed, or a crash would mix the identifiers of two Peers up.
func (s *Session) meet(p *Peer, out *Output) {
	rare := s.seldom()
	if rare.peers == nil {
		rare.peers = new(peers)
	}
	known := rare.peers
	s.once = p.Once
	if known.current == p.Name && p.Present {
		if l := s.ledger; l != nil && (l.head || len(l.pending) > 0) { // it may have changed just before
			l.head, out.Gate = true, l.waits
		}
		s.releaseLeft(out)
		return
	}
	moved := s.out != nil && s.out.used > 0 || s.in != nil && !s.in.empty() || known.find(p.Name) != nil
	if known.current != "" && known.current != p.Name {
		s.leavePeer()
	}
	s.abandonInbound()
	s.renew(p.Once, out)
	known.current = p.Name
	s.adoptInbound(p)
	if !p.Present {
		known.forget(p.Name)
	} else if l := known.find(p.Name); l != nil {
		s.resume(l)
	}
	s.headed()
	if l := s.ledger; l != nil && (moved || l.head || len(l.pending) > 0) {
		out.Gate = l.waits
	}
	s.releaseLeft(out)
}

// releaseLeft asks the current Peer to let go of what it was sent before it was left.
func (s *Session) releaseLeft(out *Output) {
	known := s.rare.peers
	if l := known.find(known.current); l != nil {
		for _, f := range l.Sent {
			s.ack(packet.TypePubrel, f.ID, packet.Success, out)
		}
	}
}

// resume goes on with what a Peer was sent before it was left and is still in flight: it is sent again and not as new.
func (s *Session) resume(l *Leftover) {
	l.Sent = slices.DeleteFunc(slices.Clone(l.Sent), func(sent Inflight) bool {
		f := s.out.find(sent.ID)
		if f == nil || sent.Seq == 0 || f.seq != sent.Seq {
			return false
		}
		f.flags &^= flagHeld
		if sent.Step == uint8(pubcomp) { // it had it
			f.step = pubcomp
		}
		return true
	})
}

// leavePeer notes what is open with QoS 2 at the current Peer.
func (s *Session) leavePeer() {
	known := s.rare.peers
	l := known.find(known.current)
	if l == nil {
		known.left = append(known.left, Leftover{Peer: known.current})
		l = &known.left[len(known.left)-1]
	}
	if w := s.out; w != nil {
		for p := w.head; p != w.tail; p++ {
			if f, id := w.at(p), w.id(p); (f.step == pubrec || f.step == pubcomp) && f.flags&flagHeld == 0 {
				l.Sent = append(slices.DeleteFunc(l.Sent, func(f Inflight) bool { return f.ID == id }), Inflight{ID: id, Step: uint8(f.step), Seq: f.seq})
			}
		}
	}
	if s.in != nil {
		s.in.ids.each(func(e *uint32) {
			if *e&idRouted != 0 {
				l.Received = append(l.Received, uint16(*e>>8))
			}
		})
	}
	known.tidy()
}

// abandonInbound forgets the Packet Identifiers of the Peer before. What it sent and is not acknowledged yet belongs to it still.
func (s *Session) abandonInbound() {
	in := s.in
	if in == nil {
		return
	}
	for i := in.first; i < len(in.routing); i++ {
		if r := &in.routing[i]; r.peer == "" {
			r.peer = s.rare.peers.current
		}
	}
	in.ids = ids{}
}

// adoptInbound takes up again the Packet Identifiers of a Peer that was left; if it has no Session any more they are worth nothing.
func (s *Session) adoptInbound(p *Peer) {
	if s.in != nil {
		for i := s.in.first; i < len(s.in.routing); i++ {
			r := &s.in.routing[i]
			switch {
			case r.peer != p.Name:
			case !p.Present:
				r.peer = nobody
			default:
				r.peer = ""
				if r.run.QoS == packet.QoS2 {
					eachID(r.run, func(id uint16) { s.in.adopt(id, 0) })
				}
			}
		}
	}
	l := s.rare.peers.find(p.Name)
	if l == nil || !p.Present {
		return
	}
	if s.in == nil {
		s.in = new(inbound)
	}
	for _, id := range l.Received {
		s.in.adopt(id, idRouted)
	}
	l.Received = nil
}

// adopt adds a Packet Identifier that another process may have written down.
func (in *inbound) adopt(id uint16, flags uint32) {
	if id != 0 && in.ids.find(id) == nil {
		in.ids.add(id, flags)
	}
}

// renew makes what is in flight as if it had never been sent, since this Peer does not have it; with once it is given up.
func (s *Session) renew(once bool, out *Output) {
	w := s.out
	if w == nil {
		return
	}
	for p, tail := w.head, w.tail; p != tail; p++ {
		f := w.at(p)
		switch {
		case f.step == free || f.flags&flagHeld != 0:
		case once:
			if f.step != pubcomp {
				out.Counts.DroppedSwitch++
			}
			s.release(f)
		case f.step == pubcomp && f.run == nil && f.seq == 0:
			s.release(f) // the Peer before had received it, and it was not kept
		default:
			if f.step == pubcomp {
				f.step = pubrec
			}
			f.flags |= flagHeld
		}
	}
}

// now is what a Head says of the Peers: with what is safe by then of what was received from those that were left.
func (k *peers) now(in *inbound, routed func(*packet.Run) bool) (current string, left []Leftover) {
	if k == nil {
		return "", nil
	}
	all := peers{left: slices.Clone(k.left)}
	if in != nil {
		for _, r := range in.routing[in.first:] {
			if r.peer != "" && r.run.QoS == packet.QoS2 && !r.code.IsError() && (r.done || routed(r.run)) {
				all.received(r.peer, r.run)
			}
		}
	}
	return k.current, all.left
}

// received notes the Packet Identifiers of what a Peer sent before it was left.
func (k *peers) received(peer string, r *packet.Run) {
	if r.QoS != packet.QoS2 || peer == nobody {
		return
	}
	l := k.find(peer)
	if l == nil {
		k.left = append(k.left, Leftover{Peer: peer})
		l = &k.left[len(k.left)-1]
	}
	l.Received = slices.Clip(l.Received) // a Head may have the same memory
	eachID(r, func(id uint16) {
		if !slices.Contains(l.Received, id) {
			l.Received = append(l.Received, id)
		}
	})
}

// released takes PUBCOMP for what the current Peer was asked to let go of.
func (k *peers) released(id uint16) bool {
	if k == nil {
		return false
	}
	l := k.find(k.current)
	if l == nil {
		return false
	}
	i := slices.IndexFunc(l.Sent, func(f Inflight) bool { return f.ID == id })
	if i < 0 {
		return false
	}
	l.Sent = slices.Concat(l.Sent[:i], l.Sent[i+1:])
	k.tidy()
	return true
}

func (k *peers) find(peer string) *Leftover {
	if k == nil {
		return nil
	}
	for i := range k.left {
		if k.left[i].Peer == peer {
			return &k.left[i]
		}
	}
	return nil
}

func (k *peers) forget(peer string) {
	k.left = slices.DeleteFunc(slices.Clone(k.left), func(l Leftover) bool { return l.Peer == peer })
}

// tidy forgets Peers of which nothing is left.
func (k *peers) tidy() {
	k.left = slices.DeleteFunc(slices.Clone(k.left), func(l Leftover) bool { return len(l.Sent)+len(l.Received) == 0 })
}
