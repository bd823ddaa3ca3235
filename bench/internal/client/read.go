package client

import (
	"errors"
	"io"
)

// errLength is a Remaining Length of more than four bytes.
var errLength = errors.New("malformed packet: Remaining Length of more than four bytes")

// Read returns all that has come and was not consumed, a view until the next Read; if that is what the last Read returned, it
// waits for more. It begins at the border of a packet, and may end anywhere.
func (c *Client) Read() ([]byte, error) {
	if c.shown == c.to {
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
	c.shown = c.to
	return c.buffer[c.from:c.to], nil
}

// fill waits for more.
func (c *Client) fill() error {
	if c.buffer == nil {
		c.buffer = make([]byte, c.readSize)
	}
	if free := len(c.buffer) - c.to; c.from == c.to || c.from > 0 && free < len(c.buffer)/2 {
		c.to = copy(c.buffer, c.buffer[c.from:c.to])
		c.from = 0
	}
	if c.to == len(c.buffer) { // a packet larger than that
		c.buffer = append(c.buffer, make([]byte, len(c.buffer))...)
	}
	n, err := c.conn.Read(c.buffer[c.to:])
	c.to += n
	c.shown = c.to - n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return closed(err)
}

// Consume says that the first n bytes of the last Read are done with.
func (c *Client) Consume(n int) { c.from += n }

// Frame returns the next packet, a view until the next Read or Frame.
func (c *Client) Frame() ([]byte, error) {
	for {
		b := c.buffer[c.from:c.to]
		n, err := FrameSize(b)
		if err != nil {
			return nil, err
		}
		if n > 0 && n <= len(b) {
			c.Consume(n)
			return b[:n], nil
		}
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
}

// release gives an empty buffer back, for a Client that may be silent for long.
func (c *Client) release() {
	if c.from == c.to {
		c.buffer, c.from, c.to, c.shown = nil, 0, 0, 0
	}
}

// FrameSize is the size of the packet at the beginning of b, 0 if b ends before it is known.
func FrameSize(b []byte) (int, error) {
	n := 0
	for i := 1; i < len(b); i++ {
		n |= int(b[i]&0x7f) << (7 * (i - 1))
		if b[i] < 0x80 {
			return 1 + i + n, nil
		}
		if i == 4 {
			return 0, errLength
		}
	}
	return 0, nil
}
