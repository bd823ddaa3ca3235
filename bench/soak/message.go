package main

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/troupemq/troupe/protocol/packet"
)

// A stream is what order is kept in: the messages of one publisher to one of
// its topics with one QoS.
type stream struct {
	publisher int
	topic     int // 0 and 1 are plain, sharedTopic goes to the Shared Subscription
	qos       packet.QoS
}

const (
	topics      = 3
	sharedTopic = 2
	streams     = topics * 3 // of a publisher
)

func (s stream) index() int { return s.topic*3 + int(s.qos) }

// message is one message of a stream, as its payload tells it.
type message struct {
	stream
	number int // from 0 within the stream
}

const messageHead = 4 + 1 + 1 + 4 + 4 // and a checksum of all

var errPayload = errors.New("the payload is not what was sent")

// append writes the payload with that many bytes of filling.
func (m message) append(dst []byte, filling int) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, uint32(m.publisher))
	dst = append(dst, byte(m.topic), byte(m.qos))
	dst = binary.BigEndian.AppendUint32(dst, uint32(m.number))
	for i := range filling {
		dst = append(dst, byte(i+m.number))
	}
	return binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[start:]))
}

func parseMessage(b []byte, publishers int) (message, error) {
	if len(b) < messageHead {
		return message{}, errPayload
	}
	body := b[:len(b)-4]
	m := message{
		stream: stream{int(binary.BigEndian.Uint32(b)), int(b[4]), packet.QoS(b[5])},
		number: int(binary.BigEndian.Uint32(b[6:])),
	}
	if crc32.ChecksumIEEE(body) != binary.BigEndian.Uint32(b[len(body):]) ||
		m.publisher >= publishers || m.topic >= topics || m.qos > packet.QoS2 {
		return message{}, errPayload
	}
	return m, nil
}
