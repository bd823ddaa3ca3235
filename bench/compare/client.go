package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/troupemq/troupe/protocol/packet"
)

// burst is the number of messages that a client can write at once.
const burst = 1000

// client speaks MQTT 3.1.1 with as little work as possible, so that on a
// shared machine the broker and not the generator is measured.
type client struct {
	conn  net.Conn
	topic string

	buffer  []byte // read and not consumed: buffer[from:to]
	from    int
	to      int
	replies []byte
	delays  []time.Duration // of the last read

	mu     sync.Mutex // of writing: a QoS 2 publisher writes from two goroutines
	frames []byte     // PUBLISH frames, made once and stamped
	size   int        // of one frame
	stamp  int        // offset of the payload in a frame
	lastID uint16
}

func dial(address, id string) (*client, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, buffer: make([]byte, 64<<10)}
	connect := packet.Connect{Version: packet.V311, CleanStart: true, ClientID: []byte(id), KeepAlive: 60}
	if _, err := conn.Write(connect.Append(nil)); err != nil {
		return nil, err
	}
	frame, err := c.next()
	if err != nil {
		return nil, err
	}
	var connack packet.Connack
	if err := connack.Decode(frame, packet.V311); err != nil || connack.Code != packet.Success {
		return nil, fmt.Errorf("CONNACK: %v %v", connack.Code, err)
	}
	return c, nil
}

func (c *client) close() { _ = c.conn.Close() }

func (c *client) subscribe(filter string, qos packet.QoS) error {
	s := packet.Subscribe{PacketID: 1, Filters: []packet.TopicFilter{{Filter: []byte(filter), SubscriptionOptions: packet.SubscriptionOptions{QoS: qos}}}}
	if _, err := c.conn.Write(s.Append(nil, packet.V311)); err != nil {
		return err
	}
	_, err := c.next()
	return err
}

// next returns one frame, a view until the next call.
func (c *client) next() ([]byte, error) {
	for {
		if frame := c.take(); frame != nil {
			return frame, nil
		}
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
}

// take returns the next frame that is there in whole, or nil.
func (c *client) take() []byte {
	h, ok, err := packet.ReadHeader(c.buffer[c.from:c.to], 0)
	if err != nil || !ok || c.from+h.FrameSize() > c.to {
		return nil
	}
	frame := c.buffer[c.from : c.from+h.FrameSize()]
	c.from += h.FrameSize()
	return frame
}

func (c *client) fill() error {
	copy(c.buffer, c.buffer[c.from:c.to])
	c.from, c.to = 0, c.to-c.from
	n, err := c.conn.Read(c.buffer[c.to:])
	c.to += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// publish writes n messages at once.
func (c *client) publish(qos packet.QoS, n int, due time.Time) error {
	if c.frames == nil {
		p := packet.Publish{Topic: []byte(c.topic), QoS: qos, PacketID: 1, Payload: make([]byte, payloadSize)}
		one := p.Append(nil, packet.V311)
		c.size, c.stamp = len(one), len(one)-payloadSize
		for range burst {
			c.frames = append(c.frames, one...)
		}
	}
	b := c.frames[:n*c.size]
	if qos > 0 {
		id := len(c.topic) + 4
		for at := 0; at < len(b); at += c.size {
			if c.lastID++; c.lastID == 0 {
				c.lastID = 1
			}
			header := c.stamp - id + 2 // fixed header and topic length
			binary.BigEndian.PutUint16(b[at+header+len(c.topic):], c.lastID)
		}
	}
	if !due.IsZero() {
		binary.BigEndian.PutUint64(b[c.stamp:], uint64(due.UnixNano()))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.conn.Write(b)
	return err
}

// answer reads a publisher's acknowledgements and, at QoS 2, releases.
func (c *client) answer() {
	for {
		frame, err := c.next()
		if err != nil {
			return
		}
		if frame[0]>>4 == byte(packet.TypePubrec) {
			c.replies = append(c.replies, byte(packet.TypePubrel)<<4|2, 2, frame[2], frame[3])
		}
		if c.from == c.to || len(c.replies) > 4096 {
			c.mu.Lock()
			_, err = c.conn.Write(c.replies)
			c.mu.Unlock()
			c.replies = c.replies[:0]
			if err != nil {
				return
			}
		}
	}
}

// receive reads once, answers what needs an answer in one write, and counts
// messages: at QoS 2 when they are released.
func (c *client) receive(qos packet.QoS, timed bool) (n int, delays []time.Duration, err error) {
	if err := c.fill(); err != nil {
		return 0, nil, err
	}
	delays = c.delays[:0]
	now := time.Now().UnixNano()
	for frame := c.take(); frame != nil; frame = c.take() {
		switch packet.Type(frame[0] >> 4) {
		case packet.TypePublish:
			l := packet.LayoutOf(frame, packet.V311)
			if timed {
				delays = append(delays, time.Duration(now-int64(binary.BigEndian.Uint64(frame[l.Payload:]))))
			}
			switch qos {
			case packet.QoS0:
				n++
			case packet.QoS1:
				n++
				c.replies = append(c.replies, byte(packet.TypePuback)<<4, 2, frame[l.ID], frame[l.ID+1])
			case packet.QoS2:
				c.replies = append(c.replies, byte(packet.TypePubrec)<<4, 2, frame[l.ID], frame[l.ID+1])
			}
		case packet.TypePubrel:
			n++
			c.replies = append(c.replies, byte(packet.TypePubcomp)<<4, 2, frame[2], frame[3])
		}
	}
	if len(c.replies) > 0 {
		_, err = c.conn.Write(c.replies)
		c.replies = c.replies[:0]
	}
	c.delays = delays
	return n, delays, err
}
