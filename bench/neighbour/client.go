package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupemq/troupe/protocol/packet"
)

// most is how long anything may take.
const most = 20 * time.Second

// open connects and says CONNECT.
func open(ctx context.Context, address, id string) (net.Conn, *bufio.Reader, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, err
	}
	_ = c.SetDeadline(time.Now().Add(most))
	r := bufio.NewReader(c)
	connect := packet.Connect{Version: packet.V311, CleanStart: true, ClientID: []byte(id)}
	if _, err = c.Write(connect.Append(nil)); err == nil {
		err = expect(r, packet.TypeConnack)
	}
	if err != nil {
		_ = c.Close()
		return nil, nil, err
	}
	return c, r, nil
}

// expect reads packets up to one of a type.
func expect(r *bufio.Reader, want packet.Type) error {
	for {
		head, err := r.Peek(2)
		if err != nil {
			return err
		}
		h, ok, err := packet.ReadHeader(head, 0)
		if err != nil || !ok {
			return fmt.Errorf("a packet longer than 127 bytes, or none: %w", err)
		}
		if _, err := io.CopyN(io.Discard, r, int64(h.FrameSize())); err != nil {
			return err
		}
		if h.Type == want {
			return nil
		}
	}
}

// roundTrip is the time from the connect to the message of one's own.
func roundTrip(ctx context.Context, address string) (time.Duration, error) {
	begun := time.Now()
	c, r, err := open(ctx, address, "quiet")
	if err != nil {
		return 0, err
	}
	defer c.Close()
	out := (&packet.Subscribe{PacketID: 1, Filters: []packet.TopicFilter{{Filter: []byte("own")}}}).Append(nil, packet.V311)
	if _, err = c.Write(out); err == nil {
		err = expect(r, packet.TypeSuback)
	}
	if err == nil {
		_, err = c.Write((&packet.Publish{Topic: []byte("own"), Payload: []byte("x")}).Append(nil, packet.V311))
	}
	if err == nil {
		err = expect(r, packet.TypePublish)
	}
	return time.Since(begun), err
}

// flood is publishers that write as fast as they are read from.
type flood struct {
	sent    atomic.Int64 // messages that the system took
	cancel  context.CancelFunc
	running sync.WaitGroup
}

func newFlood(ctx context.Context, address string, publishers, payload int) (*flood, error) {
	ctx, cancel := context.WithCancel(ctx)
	f := &flood{cancel: cancel}
	one := (&packet.Publish{Topic: []byte("loud"), Payload: make([]byte, payload)}).Append(nil, packet.V311)
	const messages = 64
	var many []byte
	for range messages {
		many = append(many, one...)
	}
	for i := range publishers {
		c, _, err := open(ctx, address, fmt.Sprint("loud", i))
		if err != nil {
			f.end()
			return nil, err
		}
		_ = c.SetDeadline(time.Time{})
		_ = c.(*net.TCPConn).SetWriteBuffer(16 << 10) // or the system takes for the broker what that has not read
		stop := context.AfterFunc(ctx, func() { _ = c.Close() })
		f.running.Go(func() {
			defer stop()
			for {
				if _, err := c.Write(many); err != nil {
					return
				}
				f.sent.Add(messages)
			}
		})
	}
	return f, nil
}

func (f *flood) end() {
	f.cancel()
	f.running.Wait()
}
