package session_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// TestPeers plays random lives of the Session of a bridge that goes from one Peer to another and back, with everything that TestDurable
// does to it. Each Peer keeps its own Session of the bridge, or forgets it. Nothing is lost; a Peer that remembers gets QoS 2 once; who is
// to get at most one copy among all of them does.
func TestPeers(t *testing.T) {
	for range 10 {
		rapid.Check(t, func(t *rapid.T) {
			b := newTraveller(t)
			live(t, b.keeper, b.waits)
		})
	}
}

// TestOnePeer is exactly once over one Peer that remembers, whatever happens.
func TestOnePeer(t *testing.T) {
	for range 5 {
		rapid.Check(t, func(t *rapid.T) {
			b := newTraveller(t)
			b.peers, b.faithful = b.peers[:1], true
			live(t, b.keeper, b.waits)
		})
	}
}

// traveller is a keeper whose Client is now this Peer and now that one.
type traveller struct {
	*keeper
	peers    []*destination
	at       *destination
	once     bool
	faithful bool // no Peer forgets
	doubtful bool // this one has, and the store may not know
}

// destination is a Peer: towards the Session it is like a Client.
type destination struct {
	*peer
	name     string
	life     int                    // how often it has forgotten
	seen     map[int]map[string]int // what came, by life
	received map[string]bool        // in all its lives
	lost     map[string]bool        // what it wanted to send and has forgotten
}

func newTraveller(t *rapid.T) *traveller {
	b := &traveller{keeper: newKeeper(t, rapid.IntRange(0, 3).Draw(t, "memory") > 0), once: rapid.IntRange(0, 3).Draw(t, "once") == 0}
	b.limits.Bridge, b.limits.TopicAliasMaximum, b.limits.Queue = true, 0, session.QueueLimits{QoS0Bytes: 100, Overflow: session.Slow}
	b.spoiled = false
	for _, name := range []string{"a", "b", "c"} {
		d := &destination{
			peer: &peer{t: t, name: name, received: make(map[uint16]bool), got: make(map[string]int)}, name: name,
			seen: map[int]map[string]int{0: {}}, received: make(map[string]bool), lost: make(map[string]bool),
		}
		d.peer.got = d.seen[0]
		d.peer.lose()
		b.peers = append(b.peers, d)
	}
	b.at = b.peers[0]
	b.p = b.at.peer
	b.dial, b.judge, b.sure = b.travel, b.compare, b.settleDoubt
	return b
}

// travel connects the next Peer.
func (b *traveller) travel() {
	if b.s.Attached() {
		b.do(func(s *session.Session, out *session.Output) { s.Disconnect(packet.SessionTakenOver, b.now, out) })
	}
	b.cut()
	b.late = nil
	if rapid.IntRange(0, 2).Draw(b.t, "other") == 0 {
		b.at = rapid.SampledFrom(b.peers).Draw(b.t, "peer")
		b.p = b.at.peer
	}
	d := b.at
	if !b.faithful && rapid.IntRange(0, 5).Draw(b.t, "forgets") == 0 {
		d.forget()
	}
	present := d.known
	b.doubtful = b.doubtful || !present
	c := &packet.Connect{Version: packet.V5, ClientID: []byte("c"), HasSessionExpiry: true, SessionExpiry: session.NoExpiry}
	c.ReceiveMaximum = uint16(rapid.IntRange(1, 8).Draw(b.t, "receive-maximum"))
	d.version, d.maximum, d.present, d.online = packet.V5, int(c.ReceiveMaximum), b.exists, true
	d.known, b.exists = true, true
	b.do(func(s *session.Session, out *session.Output) {
		s.Attach(c, session.Attachment{Peer: &session.Peer{Name: d.name, Present: present, Once: b.once}}, b.now, out)
	})
}

// settleDoubt commits that a Peer has forgotten, before a crash: the next time it will have a Session, and nobody could tell that from the
// one before.
func (b *traveller) settleDoubt() {
	if !b.doubtful {
		return
	}
	b.collect(false)
	for len(b.staged)+len(b.told) > 0 {
		b.store()
		b.tell()
	}
	b.doubtful = false
}

// forget loses the Session of the bridge.
func (d *destination) forget() {
	for _, m := range d.sending {
		d.lost[m.text] = true
	}
	for text := range d.peer.got {
		d.received[text] = true
	}
	d.life++
	d.seen[d.life] = make(map[string]int)
	d.peer.got, d.peer.received, d.sending, d.known = d.seen[d.life], make(map[uint16]bool), nil, false
}

func (b *traveller) compare() {
	missing := 0
	for _, d := range b.peers {
		for text := range d.peer.got {
			d.received[text] = true
		}
	}
	for _, st := range b.streams {
		for _, l := range st.all {
			at := 0
			for _, d := range b.peers {
				if d.received[l.text] {
					at++
				}
				for life, got := range d.seen {
					if st.qos == packet.QoS2 && got[l.text] > 1 {
						b.t.Fatalf("%q came to %s %d times in its life %d", l.text, d.name, got[l.text], life)
					}
				}
			}
			switch {
			case st.qos == packet.QoS0 || l.expiry:
			case at == 0:
				missing++
			case at > 1 && b.once && !l.again:
				b.t.Fatalf("%q came to %d peers", l.text, at)
			}
		}
	}
	if c := b.counts.DroppedSwitch; missing > int(c) || missing > 0 && !b.once {
		b.t.Fatalf("%d never came, %d are counted", missing, c)
	}
	lost := func(text string) bool {
		for _, d := range b.peers {
			if d.lost[text] || slices.ContainsFunc(d.sending, func(m *outgoing) bool { return m.text == text }) {
				return true // or it is on its way until this Peer is met again
			}
		}
		return false
	}
	for _, text := range b.published {
		if n := b.routed[text]; n < 1 && !lost(text) {
			b.t.Fatalf("%q was routed %d times", text, n)
		}
	}
}
