package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/troupemq/troupe/protocol/packet"
)

// patience is how long a broker may take to answer CONNECT, SUBSCRIBE and the like.
const patience = 30 * time.Second

// readSize is how much a Read takes at most, if no packet is larger.
const readSize = 64 << 10

// Options say who connects.
type Options struct {
	Endpoint Endpoint
	TLS      *tls.Config // for a secure Endpoint; nil: the system's roots
	Username string      // empty: neither name nor password
	Password string
	ID       string
	Version  packet.Version
	// Keep asks for a Session that outlives the connection, and takes up one that is there.
	Keep bool
	// Source is the local address; nil: the system's choice.
	Source net.IP
	// ReceiveBuffer bounds what the system keeps for us to read, in bytes; 0: the system's choice.
	ReceiveBuffer int
	// ReadSize is how much a Read takes at most, in bytes, if no packet is larger; 0: 64 KiB.
	ReadSize int
}

// Client is one connection that CONNACK has accepted.
type Client struct {
	ID             string
	Version        packet.Version
	SessionPresent bool
	// ReceiveMaximum is how many messages of QoS 1 and 2 the broker takes before it has acknowledged one.
	ReceiveMaximum int
	// MaximumPacketSize is what the broker takes, in bytes, and MaximumQoS with what QoS, as far as it tells (MQTT 5).
	MaximumPacketSize int
	MaximumQoS        packet.QoS

	conn     net.Conn
	readSize int
	buffer   []byte // what has been read and not been consumed is buffer[from:to]
	from, to int
	shown    int // where what Read has returned ends
}

// Dial connects. Errors name the target.
func Dial(ctx context.Context, o Options) (*Client, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := dial(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", o.Endpoint.URI, err)
	}
	if o.ReadSize == 0 {
		o.ReadSize = readSize
	}
	c := &Client{ID: o.ID, Version: o.Version, conn: conn, readSize: o.ReadSize, ReceiveMaximum: 65535,
		MaximumPacketSize: 268_435_460, MaximumQoS: packet.QoS2}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err = c.connect(o)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		if ctx.Err() != nil {
			err = fmt.Errorf("no CONNACK: %w", ctx.Err())
		}
		return nil, fmt.Errorf("connect to %s as %s: %w", o.Endpoint.URI, o.ID, err)
	}
	return c, nil
}

// connect sends CONNECT and reads what the broker says to it.
func (c *Client) connect(o Options) error {
	p := packet.Connect{Version: o.Version, CleanStart: !o.Keep, ClientID: []byte(o.ID), RequestProblemInformation: true}
	if o.Username != "" {
		p.Username, p.Password = []byte(o.Username), []byte(o.Password)
	}
	if o.Keep && o.Version >= packet.V5 {
		p.HasSessionExpiry, p.SessionExpiry = true, 3600
	}
	if _, err := c.conn.Write(p.Append(nil)); err != nil {
		return err
	}
	frame, err := c.Frame()
	if err != nil {
		return err
	}
	if packet.Type(frame[0]>>4) != packet.TypeConnack {
		return unexpected(frame, c.Version, "CONNACK")
	}
	var ack packet.Connack
	if err := ack.Decode(frame, c.Version); err != nil {
		return err
	}
	if ack.Code != packet.Success {
		return fmt.Errorf("refused: %s%s", ack.Code, reason(ack.ReasonString))
	}
	c.SessionPresent = ack.SessionPresent
	if ack.ReceiveMaximum > 0 {
		c.ReceiveMaximum = int(ack.ReceiveMaximum)
	}
	if ack.MaximumPacketSize > 0 {
		c.MaximumPacketSize = int(ack.MaximumPacketSize)
	}
	if ack.HasMaximumQoS {
		c.MaximumQoS = ack.MaximumQoS
	}
	c.release()
	return nil
}

// Subscribe asks for Topic Filters and waits for SUBACK. It must not be called while another goroutine reads. It is an error
// if less is granted than was asked for, and if anything but SUBACK comes: what else a broker sends then is not expected here.
func (c *Client) Subscribe(qos packet.QoS, filters ...string) error {
	if _, err := c.conn.Write(c.AppendSubscribe(nil, qos, filters...)); err != nil {
		return fmt.Errorf("%s: SUBSCRIBE: %w", c.ID, err)
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	defer c.conn.SetReadDeadline(time.Time{})
	frame, err := c.Frame()
	if err != nil {
		return fmt.Errorf("%s: SUBSCRIBE: %w", c.ID, err)
	}
	if err := c.Granted(frame, qos); err != nil {
		return err
	}
	c.release()
	return nil
}

// AppendSubscribe adds a SUBSCRIBE with Packet Identifier 1 to dst.
func (c *Client) AppendSubscribe(dst []byte, qos packet.QoS, filters ...string) []byte {
	s := packet.Subscribe{PacketID: 1}
	for _, f := range filters {
		options := packet.SubscriptionOptions{QoS: qos}
		s.Filters = append(s.Filters, packet.TopicFilter{Filter: []byte(f), SubscriptionOptions: options})
	}
	return s.Append(dst, c.Version)
}

// Granted reads a SUBACK to Subscriptions that were asked for with qos.
func (c *Client) Granted(frame []byte, qos packet.QoS) error {
	var ack packet.Suback
	if packet.Type(frame[0]>>4) != packet.TypeSuback {
		return fmt.Errorf("%s: %w", c.ID, unexpected(frame, c.Version, "SUBACK"))
	}
	if err := ack.Decode(frame, c.Version); err != nil {
		return fmt.Errorf("%s: %w", c.ID, err)
	}
	for _, code := range ack.Codes {
		if code.IsError() {
			return fmt.Errorf("%s: SUBSCRIBE was refused: %s%s", c.ID, code, reason(ack.ReasonString))
		}
		if code < packet.ReasonCode(qos) {
			return fmt.Errorf("%s: SUBSCRIBE asked for QoS %d and got QoS %d", c.ID, qos, code)
		}
	}
	return nil
}

// Ping waits for the answer to PINGREQ. It must not be called while another goroutine reads.
func (c *Client) Ping() error {
	if _, err := c.conn.Write((&packet.Pingreq{}).Append(nil, c.Version)); err != nil {
		return fmt.Errorf("%s: PINGREQ: %w", c.ID, err)
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	frame, err := c.Frame()
	if err != nil {
		return fmt.Errorf("%s: PINGREQ: %w", c.ID, err)
	}
	if packet.Type(frame[0]>>4) != packet.TypePingresp {
		return fmt.Errorf("%s: %w", c.ID, unexpected(frame, c.Version, "PINGRESP"))
	}
	return nil
}

// Write writes ready-made packets. Several goroutines may write; each Write stays in one piece.
func (c *Client) Write(b []byte) (int, error) {
	n, err := c.conn.Write(b)
	if err != nil {
		err = closed(err)
	}
	return n, err
}

// SetReadDeadline bounds what Read may wait, as in net.Conn.
func (c *Client) SetReadDeadline(t time.Time) error { return c.conn.SetReadDeadline(t) }

// Close says DISCONNECT, if the broker takes it at once, and closes. It wakes a Read that waits.
func (c *Client) Close() {
	_ = c.conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	_, _ = c.conn.Write((&packet.Disconnect{}).Append(nil, c.Version))
	_ = c.conn.Close()
}

// Cut closes without a word.
func (c *Client) Cut() { _ = c.conn.Close() }

// unexpected is the error for a packet that should have been another.
func unexpected(frame []byte, v packet.Version, wanted string) error {
	if packet.Type(frame[0]>>4) == packet.TypeDisconnect {
		return Disconnected(frame, v)
	}
	return fmt.Errorf("%s where %s was due", packet.Type(frame[0]>>4), wanted)
}

// Disconnected is the error for a DISCONNECT of the broker.
func Disconnected(frame []byte, v packet.Version) error {
	var d packet.Disconnect
	if err := d.Decode(frame, v); err != nil {
		return err
	}
	return fmt.Errorf("the broker said DISCONNECT: %s%s", d.Code, reason(d.ReasonString))
}

func reason(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s)", text)
}

// closed words the end of a connection that should have gone on.
func closed(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("the broker closed the connection")
	case errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("the broker closed the connection: %w", err)
	}
	return err
}
