// Package message is what the payloads of a soak and of a crash test say: who
// sent a message, where to, with which QoS and as which of its kind, so that
// whoever gets it can tell what is missing, what came twice and what came late.
package message

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/troupemq/troupe/protocol/packet"
)

// Stream is what order is kept in: the messages of one publisher to one of its
// topics with one QoS.
type Stream struct {
	Publisher int
	Topic     int // below 256
	QoS       packet.QoS
}

// Message is one message of a stream, as its payload tells it.
type Message struct {
	Stream
	Number int // from 0 within the stream
}

// head is publisher, topic, QoS and number; a checksum of all is behind the filling.
const head = 4 + 1 + 1 + 4

// Overhead is how many bytes a payload has besides its filling.
const Overhead = head + 4

// ErrPayload is returned for a payload that nobody of ours has sent.
var ErrPayload = errors.New("the payload is not what was sent")

// String tells a message as reports do.
func (m Message) String() string {
	return fmt.Sprintf("number %d of publisher %d, topic %d, QoS %d", m.Number, m.Publisher, m.Topic, m.QoS)
}

// Append writes the payload with that many bytes of filling.
func (m Message) Append(dst []byte, filling int) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, uint32(m.Publisher))
	dst = append(dst, byte(m.Topic), byte(m.QoS))
	dst = binary.BigEndian.AppendUint32(dst, uint32(m.Number))
	for i := range filling {
		dst = append(dst, byte(i+m.Number))
	}
	return binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[start:]))
}

// Parse reads a payload; publishers and topics are how many of them there are.
func Parse(b []byte, publishers, topics int) (Message, error) {
	if len(b) < Overhead {
		return Message{}, ErrPayload
	}
	body := b[:len(b)-4]
	m := Message{
		Stream: Stream{Publisher: int(binary.BigEndian.Uint32(b)), Topic: int(b[4]), QoS: packet.QoS(b[5])},
		Number: int(binary.BigEndian.Uint32(b[6:])),
	}
	if crc32.ChecksumIEEE(body) != binary.BigEndian.Uint32(b[len(body):]) ||
		m.Publisher >= publishers || m.Topic >= topics || m.QoS > packet.QoS2 {
		return Message{}, ErrPayload
	}
	return m, nil
}
