package client

import (
	"encoding/binary"

	"github.com/troupemq/troupe/protocol/packet"
)

// Stamp is what a payload begins with, in bytes: flow (4), nothing (4), sequence number (8), time (8).
const Stamp = 24

// PutStamp writes the beginning of a payload of at least Stamp bytes.
func PutStamp(payload []byte, flow uint32, number uint64, time int64) {
	_ = payload[Stamp-1]
	binary.BigEndian.PutUint32(payload, flow)
	binary.BigEndian.PutUint64(payload[8:], number)
	binary.BigEndian.PutUint64(payload[16:], uint64(time))
}

// ReadStamp reads the beginning of a payload of at least Stamp bytes.
func ReadStamp(payload []byte) (flow uint32, number uint64, time int64) {
	_ = payload[Stamp-1]
	return binary.BigEndian.Uint32(payload), binary.BigEndian.Uint64(payload[8:]), int64(binary.BigEndian.Uint64(payload[16:]))
}

// burstBytes bounds the ready-made packets of a small number of Topic Names.
const burstBytes = 256 << 10

// Burst is a ring of ready-made PUBLISH packets of one publisher. Topic Names follow one another in turn. What differs from
// message to message (Packet Identifier, sequence number, time) is put in place before the bytes are written.
type Burst struct {
	bytes   []byte
	frames  []frame // with one more at the end
	topics  int
	payload int
	hasID   bool

	next   int    // frame
	sent   uint64 // messages
	lastID uint16
}

// frame is where a packet begins, and where its Packet Identifier is.
type frame struct{ start, id int }

// NewBurst makes packets for the Topic Names, at least one. The flow of topics[k] is first+k; many is how many messages are
// likely to be written at once.
func NewBurst(v packet.Version, qos packet.QoS, topics []string, first uint32, payload, many int) *Burst {
	b := &Burst{topics: len(topics), payload: payload, hasID: qos > packet.QoS0}
	body := make([]byte, payload)
	for i := range body {
		body[i] = byte('a' + i%26)
	}
	size := len(topics[0]) + payload + 16
	turns := 1 + (min(many, max(1, burstBytes/size))-1)/len(topics)
	b.bytes = make([]byte, 0, turns*len(topics)*size)
	for range turns {
		for k, topic := range topics {
			if payload >= Stamp {
				binary.BigEndian.PutUint32(body, first+uint32(k))
				clear(body[4:Stamp])
			}
			p := packet.Publish{Topic: []byte(topic), QoS: qos, PacketID: 1, Payload: body}
			start := len(b.bytes)
			b.bytes = p.Append(b.bytes, v)
			b.frames = append(b.frames, frame{start, start + packet.LayoutOf(b.bytes[start:], v).ID})
		}
	}
	b.frames = append(b.frames, frame{start: len(b.bytes)})
	return b
}

// Largest is the size of the largest packet.
func (b *Burst) Largest() int {
	size := 0
	for i := range len(b.frames) - 1 {
		size = max(size, b.frames[i+1].start-b.frames[i].start)
	}
	return size
}

// Take returns the packets of the next messages, up to n of them, ready to be written, and how many they are. The bytes are
// used again by the next Take.
func (b *Burst) Take(n int, time int64) (packets []byte, count int) {
	from := b.next
	to := min(from+n, len(b.frames)-1)
	for i := from; i < to; i++ {
		if b.hasID {
			if b.lastID++; b.lastID == 0 {
				b.lastID = 1
			}
			binary.BigEndian.PutUint16(b.bytes[b.frames[i].id:], b.lastID)
		}
		if b.payload >= Stamp {
			sequence := b.sent
			if b.topics > 1 {
				sequence /= uint64(b.topics)
			}
			stamp := b.bytes[b.frames[i+1].start-b.payload:][:Stamp]
			binary.BigEndian.PutUint64(stamp[8:], sequence)
			binary.BigEndian.PutUint64(stamp[16:], uint64(time))
		}
		b.sent++
	}
	if b.next = to; to == len(b.frames)-1 {
		b.next = 0
	}
	return b.bytes[b.frames[from].start:b.frames[to].start], to - from
}
