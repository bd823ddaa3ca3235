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
	// largeTrusted is the number of bytes of a packet after which its length
	// field is believed, up to eight times as many.
	largeTrusted = 32 << 10
	// largeStep is the number of bytes of a large packet, read at once, that
	// count as a sign of life: a Client cannot send PINGREQ in the middle.
	largeStep = 1 << 10
)

// keepPartial holds the beginning of a packet of so many bytes, 0: not known.
func (c *Connection) keepPartial(b []byte, size int) {
	if c.partial == nil {
		c.partial = new(partial)
	}
	c.partial.bytes, c.partial.size = b, size
}

// takePartial gives the beginning of a packet, nil if there is none. The place
// for it stays: who was cut off once is so often.
func (c *Connection) takePartial() []byte {
	if c.partial == nil {
		return nil
	}
	b := c.partial.bytes
	*c.partial = partial{}
	return b
}

// read takes what the socket has, at most this turn's share.
func (c *Connection) read() {
	if c.deaf || c.closing || c.held || c.waits {
		return
	}
	if c.opening != nil && c.opening.waiting {
		c.interest()
		return
	}
	most := c.on().ReadBudget()
	if r := c.env.Rate; r.On() {
		if !r.May(c.on().Now()) {
			c.wait()
			return
		}
		most = min(most, r.Bytes(c.on().Now()))
	}
	c.readMost(most)
}

// readMost takes so many bytes of what the socket has.
func (c *Connection) readMost(most int) {
	buffer, had := c.on().Scratch(), 0
	if p := c.partial; p != nil {
		if p.size >= largeAt {
			c.readLarge(most)
			return
		}
		had = copy(buffer, p.bytes)
	}
	n, err := c.stream.Read(buffer[had:min(len(buffer), had+most)])
	if n > 0 {
		c.env.Counters.BytesReceived.Add(int64(n))
		c.took(0, n)
		c.takePartial()
		c.consume(buffer[:had+n])
	}
	c.failed(err)
}

// readLarge reads on behind the beginning of one large packet. The buffer
// grows as bytes come, not as the length field promises.
func (c *Connection) readLarge(most int) {
	p := c.partial
	have := len(p.bytes)
	if cap(p.bytes) == have {
		p.bytes = append(make([]byte, 0, grown(have, p.size)), p.bytes...)
	}
	room := min(cap(p.bytes), p.size) - have
	n, err := c.stream.Read(p.bytes[have : have+min(room, most)])
	if n > 0 {
		c.env.Counters.BytesReceived.Add(int64(n))
		c.took(0, n)
		if n >= largeStep {
			c.heard = c.on().Now()
		}
		p.bytes = p.bytes[:have+n]
		if len(p.bytes) == p.size {
			frame := c.takePartial()
			if c.opening != nil {
				c.consume(frame)
			} else {
				c.took(1, 0)
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
	size := 0 // of the packet that is not whole
	most := c.messagesMost()
	left, later := most, false // the next packet has to wait for its turn
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
			size = h.FrameSize()
			break
		}
		if left >= 0 && h.Type == packet.TypePublish {
			if left == 0 {
				later = true
				break
			}
			left--
		}
		plain = plain && b[at] == byte(packet.TypePublish)<<4
		at += h.FrameSize()
	}
	if most > left {
		c.took(most-left, 0)
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
		room := len(b) - at
		if size >= largeAt {
			room = grown(room, size)
		}
		c.keepPartial(append(make([]byte, 0, room), b[at:]...), size)
	}
	if later {
		c.partial.whole = true
		c.wait()
	}
}

// grown is how large a buffer with some bytes of a packet of so many may become: who has sent little gets no more than the same again, who
// has sent much mostly sends the rest, and each step costs a copy.
func grown(have, size int) int {
	if have < largeTrusted {
		return min(size, max(2*have, largeFirst))
	}
	return min(size, 8*have)
}

// forward hands whole packets to the session: the Client is alive
// [MQTT-3.1.2-22]. Single bytes now and then do not make it so.
func (c *Connection) forward(m *message.Frames) {
	c.heard = c.on().Now()
	c.env.Root.Send(c.session, m)
}

// write sends what the session said, at once if nothing waits before it.
func (c *Connection) write(p *message.Packets) {
	if c.closed || c.closing {
		c.env.Release(p)
		return
	}
	if o := c.output; o != nil {
		o.queue = append(o.queue, p)
		o.bytes += len(p.B)
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
		c.output = &output{queue: []*message.Packets{p}, written: n, bytes: len(p.B) - n}
		c.congested(true)
	}
}

// drain goes on with what waits, as far as the socket takes it.
func (c *Connection) drain() {
	o := c.output
	for len(o.queue) > 0 {
		p := o.queue[0]
		n, ok := c.send(p.B[o.written:])
		if !ok {
			return
		}
		o.written += n
		o.bytes -= n
		if o.written < len(p.B) {
			c.interest()
			return
		}
		c.env.Release(p)
		o.queue[0] = nil
		o.queue = o.queue[1:]
		o.written = 0
	}
	c.output = nil
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
