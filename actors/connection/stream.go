package connection

import (
	"errors"
	"io"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/internal/eventloop"
	"github.com/troupemq/troupe/protocol/packet"
)

var (
	errLingered  = errors.New("the client did not take what was left to write")
	errNoConnect = errors.New("no CONNECT in time")
	errShutdown  = errors.New("shutting down")
)

// largeAt is the size in bytes from which a packet is gathered in a buffer of
// its own instead of being put together in the loop's scratch space.
const largeAt = eventloop.ScratchSize / 2

const (
	// largeFirst is what such a buffer begins with, in bytes.
	largeFirst = 4 << 10
	// largeStep is the number of bytes of a large packet, read at once, that
	// count as a sign of life: a Client cannot send PINGREQ in the middle.
	largeStep = 1 << 10
)

// read takes what the socket has, at most this turn's share.
func (c *Connection) read() {
	if c.deaf || c.closing || c.held {
		return
	}
	if c.opening != nil && c.opening.waiting {
		c.interest()
		return
	}
	if c.size >= largeAt {
		c.readLarge()
		return
	}
	buffer := c.loop.Scratch()
	had := copy(buffer, c.partial)
	n, err := c.stream.Read(buffer[had:min(len(buffer), had+c.loop.ReadBudget())])
	if n > 0 {
		c.env.Counters.BytesReceived.Add(int64(n))
		c.partial, c.size = nil, 0
		c.consume(buffer[:had+n])
	}
	c.failed(err)
}

// readLarge reads on behind the beginning of one large packet. The buffer
// grows as bytes come, not as the length field promises.
func (c *Connection) readLarge() {
	have := len(c.partial)
	if cap(c.partial) == have {
		grown := make([]byte, have, min(c.size, max(2*have, largeFirst)))
		copy(grown, c.partial)
		c.partial = grown
	}
	room := min(cap(c.partial), c.size) - have
	n, err := c.stream.Read(c.partial[have : have+min(room, c.loop.ReadBudget())])
	if n > 0 {
		c.env.Counters.BytesReceived.Add(int64(n))
		if n >= largeStep {
			c.heard = c.loop.Now()
		}
		c.partial = c.partial[:have+n]
		if len(c.partial) == c.size {
			frame := c.partial
			c.partial, c.size = nil, 0
			if c.opening != nil {
				c.consume(frame)
			} else {
				c.forward(&message.Frames{Epoch: c.epoch, Bytes: frame})
			}
		}
	}
	c.failed(err)
}

func (c *Connection) failed(err error) {
	switch {
	case err == nil || c.closed || errors.Is(err, eventloop.ErrAgain):
	case errors.Is(err, io.EOF):
		c.lost(nil)
	default:
		c.lost(err)
	}
}

// consume cuts b into packets and passes the whole ones on. b is the caller's
// again when it returns.
func (c *Connection) consume(b []byte) {
	if c.opening != nil {
		c.open(b)
		return
	}
	at, plain := 0, true
	var broken error
	for at < len(b) {
		h, ok, err := packet.ReadHeader(b[at:], c.env.Limits.MaxPacketSize)
		if err != nil {
			broken = err
			break
		}
		if !ok {
			break
		}
		if at+h.FrameSize() > len(b) {
			c.size = h.FrameSize()
			break
		}
		plain = plain && b[at] == byte(packet.TypePublish)<<4
		at += h.FrameSize()
	}
	switch {
	case at == 0:
	case plain:
		c.forward(message.NewPlainFrames(c.epoch, b[:at], c.env.Slabs))
	default:
		c.forward(message.NewFrames(c.epoch, b[:at]))
	}
	if broken != nil {
		c.violation(codeOf(broken), broken)
		return
	}
	if at < len(b) {
		c.partial = append([]byte(nil), b[at:]...)
	}
}

// forward hands whole packets to the session: the Client is alive
// [MQTT-3.1.2-22]. Single bytes now and then do not make it so.
func (c *Connection) forward(m *message.Frames) {
	c.heard = c.loop.Now()
	c.env.Root.Send(c.session, m)
}

// write sends what the session said, at once if nothing waits before it.
func (c *Connection) write(p *message.Packets) {
	if c.closed || c.closing {
		c.env.Release(p)
		return
	}
	if len(c.out) > 0 {
		c.out = append(c.out, p)
		c.outBytes += len(p.B)
		c.interest()
		return
	}
	n, ok := c.send(p.B)
	switch {
	case !ok:
		c.env.Release(p)
	case n == len(p.B):
		c.env.Release(p)
	default:
		c.out, c.written, c.outBytes = append(c.out, p), n, len(p.B)-n
		c.congested(true)
	}
}

// drain goes on with what waits, as far as the socket takes it.
func (c *Connection) drain() {
	for len(c.out) > 0 {
		p := c.out[0]
		n, ok := c.send(p.B[c.written:])
		if !ok {
			return
		}
		c.written += n
		c.outBytes -= n
		if c.written < len(p.B) {
			c.interest()
			return
		}
		c.env.Release(p)
		c.out[0] = nil
		c.out = c.out[1:]
		c.written = 0
	}
	c.out = nil
	if c.closing {
		c.lost(nil)
		return
	}
	c.congested(false)
}

// send writes once. It returns false when the connection was lost over it.
func (c *Connection) send(b []byte) (n int, ok bool) {
	n, err := c.stream.Write(b)
	c.env.Counters.BytesSent.Add(int64(n))
	if err != nil && !errors.Is(err, eventloop.ErrAgain) {
		c.lost(err)
		return n, false
	}
	return n, true
}

// congested tells the session whether the socket keeps up.
func (c *Connection) congested(on bool) {
	if c.session != nil {
		c.env.Root.Send(c.session, &message.Congestion{Epoch: c.epoch, On: on})
	}
	c.interest()
}

func codeOf(err error) packet.ReasonCode {
	var violation *packet.Error
	if errors.As(err, &violation) {
		return violation.Code
	}
	return packet.MalformedPacket
}
