package troupe

import (
	"context"
	"errors"
	"net"

	"github.com/troupemq/troupe/actors/connection"
	"github.com/troupemq/troupe/actors/listener"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/pipe"
)

// ServeOptions say how connections are taken that the program hands in.
type ServeOptions struct {
	// Name is in the place of that of a listener: in the log, and in [Client].
	// Empty: "program".
	Name string
	// Anonymous lets Clients in without credentials.
	Anonymous bool
	// Origins are the web sites, besides the one that the [Broker.WebSocketHandler] is a part of, whose
	// pages may connect: hosts as in app.example.com or *.example.com, with a
	// scheme before them if it matters. Only WebSockets have them. "*": any page
	// of anybody, which is right where a page cannot do more than its user, as
	// with passwords.
	Origins []string
}

// guest is a connection that the program handed in, with what stands for its
// listener.
type guest struct {
	net.Conn
	listener connection.Listener
}

// Serve takes over a connection on which a Client is about to send CONNECT: one
// of the program's own server, or of a transport that the Broker does not know.
// It returns once the instance has taken it, and closes it with any error:
// [ErrNotRunning], [ErrFull]. From then on it is as those of the configured
// listeners: it has limits.connect_timeout for its CONNECT, counts for
// limits.max_connections, and Shutdown tells its Client good-bye.
//
// A connection of package net over TCP takes no goroutine on Linux, any other one
// while it is idle, another while there is something to write. It has to heed
// deadlines, at least for Write. If it is a [crypto/tls.Conn] that verifies Clients, the handshake
// may be left to the Broker, and authenticators see the certificate.
func (b *Broker) Serve(conn net.Conn, as ServeOptions) error {
	return b.serve(context.Background(), conn, as)
}

func (b *Broker) serve(ctx context.Context, conn net.Conn, as ServeOptions) error {
	if conn == nil {
		return errors.New("troupe: Serve: the connection is nil")
	}
	t, err := b.running()
	if err == nil {
		err = t.serve(ctx, conn, as)
	}
	if err != nil {
		_ = conn.Close()
	}
	return err
}

func (t *tree) serve(ctx context.Context, conn net.Conn, as ServeOptions) error {
	if as.Name == "" {
		as.Name = "program"
	}
	if conn.RemoteAddr() == nil {
		conn = nowhere{conn}
	}
	taken := make(chan error, 1)
	t.system.Send(t.inlet, &listener.Handed{
		Conn: &guest{conn, connection.Listener{Name: as.Name, AllowAnonymous: as.Anonymous}}, Taken: taken,
	})
	err := await(ctx, t.broker, taken)
	switch {
	case errors.Is(err, listener.ErrClosed):
		return ErrNotRunning
	case errors.Is(err, listener.ErrFull):
		return ErrFull
	}
	return err
}

// nowhere is a connection that does not say where it comes from.
type nowhere struct{ net.Conn }

func (nowhere) RemoteAddr() net.Addr { return &net.UnixAddr{Name: "unknown", Net: "unknown"} }

// Dial is a connection to the Broker that stays inside of the process: no socket,
// and a bounded buffer each way. What speaks MQTT over a net.Conn can use it: a
// client library, or a bridge of another Broker, see [WithDialer]. It is judged as
// if it came through a listener named "instance" on a loopback address: without
// credentials if the Broker has no Authenticator and the configuration no auth. [Broker.Serve] says what holds for it
// besides; ctx bounds how long Dial waits.
func (b *Broker) Dial(ctx context.Context) (net.Conn, error) {
	if b.none() {
		return nil, errNone
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ours, theirs := pipe.New("in-process", "instance://"+b.config.Name)
	err := b.serve(ctx, theirs, ServeOptions{Name: "instance", Anonymous: b.Anonymous(configs.Listener{Address: "127.0.0.1:0"})})
	if err != nil {
		_ = ours.Close()
		return nil, err
	}
	return ours, nil
}

// WithDialer lets bridges reach other Brokers of the process, as the upstreams
// instance://name: dial makes a connection to the one of that name, mostly by its
// [Broker.Dial]. It is called on goroutines of its own, many at a time, and may
// block until ctx is done. Without it such a bridge waits, and says why.
func WithDialer(dial func(ctx context.Context, instance string) (net.Conn, error)) Option {
	return func(b *Broker) {
		if dial == nil {
			b.refuse("WithDialer: the function is nil; without the option there are no other instances")
		}
		b.dialer = dial
	}
}
