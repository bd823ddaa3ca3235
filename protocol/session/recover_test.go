package session

import (
	"testing"

	"github.com/troupemq/troupe/protocol/packet"
)

// TestRecoverDropsWhatIsBroken: an actor that failed in the middle of a call leaves anything behind; what
// is whole goes on, the rest is counted.
func TestRecoverDropsWhatIsBroken(t *testing.T) {
	limits := &Limits{MaxQoS: packet.QoS2, ExpiryMaximum: 100}
	resume := &packet.Connect{Version: packet.V311}
	terms := &Terms{QoS: packet.QoS2}
	run := packet.NewRun(&packet.Publish{Topic: []byte("t"), QoS: packet.QoS2, PacketID: 9}, packet.V311)
	fill := func() *Session {
		s := New("c", limits)
		var out Output
		s.Attach(resume, Attachment{}, 1, &out)
		for range 3 {
			s.Deliver(run, terms, 1, &out)
		}
		s.Congest(true, 1, &out)
		for range 3 {
			s.Deliver(run, terms, 1, &out)
		}
		s.Receive(run.Frames, 1, &out)
		s.subs, _, _ = s.subs.put(Subscription{Filter: "f"})
		return s
	}
	for _, c := range []struct {
		name     string
		damage   func(s *Session)
		inflight int
		waiting  int
		broken   uint64
	}{
		{"nothing", func(*Session) {}, 3, 3, 0},
		{"sums", func(s *Session) { s.out.used, s.out.counted, s.queue.messages, s.queue.bytes = 77, -1, -1, 5 }, 3, 3, 0},
		{"a message in flight", func(s *Session) { s.out.at(s.out.head).run = nil }, 2, 3, 1},
		{"an offset", func(s *Session) { s.out.at(s.out.head + 1).offset = 1 << 30 }, 2, 3, 1},
		{"the ring", func(s *Session) { s.out.tail = s.out.head + 1000 }, 0, 3, 3},
		{"a message that waits", func(s *Session) { s.queue.front().terms = nil }, 3, 2, 1},
		{"the queue", func(s *Session) { s.queue.n = 99 }, 3, 0, 3},
		{"the list of the host", func(s *Session) { s.in.first = 9 }, 3, 3, 0},
		{"the next identifier", func(s *Session) { s.nextID = 0 }, 3, 3, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := fill()
			c.damage(s)
			var out Output
			s.Recover(2, &out)
			waiting, _ := s.Backlog()
			if s.Inflight() != c.inflight || waiting != c.waiting || out.Counts.DroppedBroken != c.broken {
				t.Fatalf("%d in flight, %d wait, %d broken", s.Inflight(), waiting, out.Counts.DroppedBroken)
			}
			if s.Attached() || len(s.subs.list) != 1 {
				t.Fatal("still attached, or without its subscription")
			}
			out.Reset()
			s.Attach(resume, Attachment{}, 3, &out)
			seen := make(map[uint16]bool)
			for rest := out.Packets[4:]; len(rest) > 0; rest = rest[frameSize(rest):] {
				if id := packetID(rest, 1); seen[id] || id == 0 {
					t.Errorf("Packet Identifier %d twice", id)
				} else {
					seen[id] = true
				}
			}
			if want := uint64(c.inflight + c.waiting); out.Counts.PublishSent != want {
				t.Errorf("%d sent after it, want %d", out.Counts.PublishSent, want)
			}
		})
	}
	t.Run("twice", func(t *testing.T) {
		s := fill()
		var out Output
		s.Recover(2, &out)
		ends := s.Next()
		s.Recover(50_000, &out)
		if s.Next() != ends {
			t.Error("the Session expires later for it")
		}
		s.Tick(ends, &out)
		s.Recover(ends, &out)
		if !out.Ended {
			t.Error("not ended")
		}
	})
}
