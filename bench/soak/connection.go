package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/troupemq/troupe/protocol/packet"
)

// patience is how long the broker may take for an answer before the soak gives
// up on it.
const patience = 30 * time.Second

// connection is one Network Connection of a client.
type connection struct {
	net.Conn
	version packet.Version
	frames  chan []byte   // closed at the end of the connection
	over    chan struct{} // closed when nobody takes frames any more
	once    sync.Once
}

func dial(address string, v packet.Version) (*connection, error) {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: conn, version: v, frames: make(chan []byte, 64), over: make(chan struct{})}
	go c.read()
	return c, nil
}

func (c *connection) read() {
	defer close(c.frames)
	in := bufio.NewReaderSize(c.Conn, 16<<10)
	for {
		frame, err := readFrame(in)
		if err != nil {
			return
		}
		select {
		case c.frames <- frame:
		case <-c.over:
			return
		}
	}
}

func readFrame(in *bufio.Reader) ([]byte, error) {
	var head []byte
	for {
		b, err := in.ReadByte()
		if err != nil {
			return nil, err
		}
		head = append(head, b)
		h, ok, err := packet.ReadHeader(head, 0)
		if err != nil {
			return nil, err
		}
		if ok {
			frame := append(make([]byte, 0, h.FrameSize()), head...)[:h.FrameSize()]
			_, err := io.ReadFull(in, frame[len(head):])
			return frame, err
		}
	}
}

// connect says CONNECT and gives the answer.
func (c *connection) connect(p *packet.Connect) (*packet.Connack, error) {
	if _, err := c.Write(p.Append(nil)); err != nil {
		return nil, err
	}
	select {
	case frame, ok := <-c.frames:
		if !ok {
			return nil, errors.New("closed instead of CONNACK")
		}
		var connack packet.Connack
		if err := connack.Decode(frame, c.version); err != nil {
			return nil, err
		}
		if connack.Code != packet.Success {
			return nil, fmt.Errorf("refused: %v", connack.Code)
		}
		return &connack, nil
	case <-time.After(patience):
		return nil, errors.New("no CONNACK")
	}
}

// vanish ends the connection as a broken network does, with RST or with FIN,
// and throws away what was received and not looked at.
func (c *connection) vanish(reset bool) {
	if tcp, ok := c.Conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
	c.once.Do(func() { close(c.over) })
}
