package bench

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/troupemq/troupe/bench/internal/client"
	"github.com/troupemq/troupe/protocol/packet"
)

// subscriber is one of a traffic. What it keeps is its own goroutine's; the counters are for others to read.
type subscriber struct {
	traffic   *traffic
	client    *client.Client
	index     int
	sequences []sequence     // of each flow, by slot
	byTopic   map[string]int // publishers, where payloads are too small to tell and there is more than one
	replies   []byte
	owed      []int32 // at QoS 2, for PUBRECs in their order: whom to credit with PUBREL, or one of the values below
	released  int     // how many of them have their PUBREL
	batch     batch
	paced     time.Time // when the next message may be read, with ReadRate

	delivered  atomic.Int64 // copies, each counted once
	duplicated atomic.Int64
	reordered  atomic.Int64
	misrouted  atomic.Int64
}

const (
	creditGiven = -1 // a later message showed it to be missing
	repeated    = -2
)

// batch gathers what neighbouring messages of one read have in common.
type batch struct {
	flow      uint32 // of the last message; publisher and sequence are nil if there was none yet
	publisher *publisher
	sequence  *sequence
	credit    int64 // copies to credit the publisher with

	due   int64
	count int64 // messages stamped so

	delivered int64
}

func newSubscriber(t *traffic, c *client.Client, j int) *subscriber {
	s := &subscriber{traffic: t, client: c, index: j}
	if t.Payload >= client.Stamp {
		s.sequences = make([]sequence, t.slots(j))
		return s
	}
	if t.slots(j) > t.Topics || t.Filters > 0 {
		s.byTopic = make(map[string]int)
		for i := range t.Publishers {
			for k, topic := range t.topics(i) {
				if _, _, ok := t.slot(j, uint32(i*t.Topics+k)); ok {
					s.byTopic[topic] = i
				}
			}
		}
	}
	return s
}

// receive reads in bulk, checks and answers, until the connection ends.
func (s *subscriber) receive() error {
	for {
		b, err := s.client.Read()
		if err != nil {
			return err
		}
		at, err := s.packets(b)
		if err != nil {
			return err
		}
		s.client.Consume(at)
		n := s.flush()
		if len(s.replies) > 0 {
			if _, err := s.client.Write(s.replies); err != nil {
				return err
			}
			s.replies = s.replies[:0]
		}
		if s.traffic.ReadRate > 0 && n > 0 {
			s.rest(n)
		}
	}
}

// packets takes all whole packets of b and returns where they end.
func (s *subscriber) packets(b []byte) (at int, err error) {
	now := s.traffic.clock.now()
	for at+2 <= len(b) {
		head, n := 2, int(b[at+1])
		if n >= 0x80 {
			if at+3 <= len(b) && b[at+2] < 0x80 {
				head, n = 3, n&0x7f|int(b[at+2])<<7
			} else {
				size, err := client.FrameSize(b[at:])
				if err != nil {
					return at, err
				}
				if size == 0 {
					break
				}
				for head = 2; b[at+head-1] >= 0x80; head++ {
				}
				n = size - head
			}
		}
		if at+head+n > len(b) {
			break
		}
		frame := b[at : at+head+n]
		at += head + n
		switch packet.Type(frame[0] >> 4) {
		case packet.TypePublish:
			s.publish(frame, head, now)
		case packet.TypePubrel:
			s.release(frame)
		case packet.TypeDisconnect:
			return at, client.Disconnected(frame, s.client.Version)
		}
	}
	s.latency(now)
	return at, nil
}

// publish takes one message: head is the size of its fixed header.
func (s *subscriber) publish(frame []byte, head int, now int64) {
	t, b := s.traffic, &s.batch
	owner := int32(repeated)
	if len(frame) < head+2+t.Payload {
		s.misrouted.Add(1)
	} else if t.Payload < client.Stamp {
		owner = s.unstamped(frame, head)
	} else {
		flow, number, due := client.ReadStamp(frame[len(frame)-t.Payload:])
		if flow != b.flow || b.sequence == nil {
			s.turn(flow)
		}
		switch {
		case b.sequence == nil:
			s.misrouted.Add(1)
		case number == b.sequence.next:
			b.sequence.next++
			owner = int32(flow / uint32(t.Topics))
		default:
			owner = s.irregular(number, int32(flow/uint32(t.Topics)))
		}
		if owner != repeated {
			if due != b.due {
				s.latency(now)
				b.due = due
			}
			b.count++
		}
	}
	switch frame[0] >> 1 & 3 {
	case 0:
		s.count(owner)
	case 1:
		id := head + 2 + int(binary.BigEndian.Uint16(frame[head:]))
		s.replies = append(s.replies, byte(packet.TypePuback)<<4, 2, frame[id], frame[id+1])
		s.count(owner)
	default:
		id := head + 2 + int(binary.BigEndian.Uint16(frame[head:]))
		s.replies = append(s.replies, byte(packet.TypePubrec)<<4, 2, frame[id], frame[id+1])
		s.owed = append(s.owed, owner)
	}
}

// turn makes flow the one that messages are of.
func (s *subscriber) turn(flow uint32) {
	s.credit()
	b := &s.batch
	b.flow, b.publisher, b.sequence = flow, nil, nil
	if slot, i, ok := s.traffic.slot(s.index, flow); ok {
		b.publisher, b.sequence = s.traffic.publishers[i], &s.sequences[slot]
	}
}

// irregular judges a message that is not the next of its flow. What is missing before it is no longer waited for.
func (s *subscriber) irregular(number uint64, owner int32) int32 {
	arrival, jumped := s.batch.sequence.arrive(number)
	s.batch.credit += int64(jumped)
	switch arrival {
	case late:
		s.reordered.Add(1)
		return creditGiven
	case duplicate:
		s.duplicated.Add(1)
		return repeated
	}
	return owner
}

// unstamped finds whose message it is that has no room for a stamp.
func (s *subscriber) unstamped(frame []byte, head int) int32 {
	i := s.index % s.traffic.Publishers
	if s.byTopic != nil {
		from := head + 2
		var ok bool
		if i, ok = s.byTopic[string(frame[from:from+int(binary.BigEndian.Uint16(frame[head:]))])]; !ok {
			s.misrouted.Add(1)
			return repeated
		}
	}
	if p := s.traffic.publishers[i]; p != s.batch.publisher {
		s.credit()
		s.batch.publisher = p
	}
	return int32(i)
}

// release ends the handshake of QoS 2, which is when the message counts. PUBRELs come in the order of PUBRECs
// [MQTT-4.6.0-4].
func (s *subscriber) release(frame []byte) {
	s.replies = append(s.replies, byte(packet.TypePubcomp)<<4, 2, frame[2], frame[3])
	if s.released == len(s.owed) {
		return // again, or of nothing
	}
	owner := s.owed[s.released]
	if s.released++; s.released == len(s.owed) {
		s.owed, s.released = s.owed[:0], 0
	} else if s.released >= 1024 {
		s.owed = s.owed[:copy(s.owed, s.owed[s.released:])]
		s.released = 0
	}
	if owner >= 0 {
		if p := s.traffic.publishers[owner]; p != s.batch.publisher {
			s.credit()
			s.batch.publisher, s.batch.sequence = p, nil
		}
	}
	s.count(owner)
}

// count counts a message that has come in whole.
func (s *subscriber) count(owner int32) {
	if owner == repeated {
		return
	}
	s.batch.delivered++
	if owner >= 0 {
		s.batch.credit++
	}
}

// latency notes the messages of one stamp.
func (s *subscriber) latency(now int64) {
	if b := &s.batch; b.count > 0 {
		if r := s.traffic.latencies; r != nil {
			r.record(s.index, b.due, now, b.count)
		}
		b.count = 0
	}
}

// credit gives the publisher what has come of it.
func (s *subscriber) credit() {
	if b := &s.batch; b.credit > 0 {
		b.publisher.credited(b.credit)
		b.credit = 0
	}
}

// flush makes known what a read brought: n messages that came in whole.
func (s *subscriber) flush() (n int64) {
	n = s.batch.delivered
	s.batch.delivered = 0
	s.delivered.Add(n)
	s.credit()
	return n
}

// rest keeps to ReadRate after n messages, until publishing stops.
func (s *subscriber) rest(n int64) {
	now := time.Now()
	if s.paced.Before(now) {
		s.paced = now
	}
	s.paced = s.paced.Add(time.Duration(float64(n) / s.traffic.ReadRate * float64(time.Second)))
	select {
	case <-s.traffic.stopped:
	case <-time.After(time.Until(s.paced)):
	}
}
