package upstream

import (
	"context"
	"crypto/tls"
	"net"
)

// Dial makes a connection on which MQTT can be spoken: the handshakes of TLS and of the WebSocket are done. It gives up when ctx is done, which has
// no effect on the connection afterwards. Errors say which step failed.
//
// With TLS 1.3 a server judges the certificate that it is shown after the handshake: its refusal comes with the first Read.
func (u *Upstream) Dial(ctx context.Context) (net.Conn, error) {
	conn, err := u.connect(ctx)
	if err == nil && u.address.TLS() {
		conn, err = u.protect(ctx, conn)
	}
	if err == nil && u.address.web() {
		conn, err = u.upgrade(ctx, conn)
	}
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// connect opens the socket. Package net turns on TCP_NODELAY, and keep-alive by the kernel.
func (u *Upstream) connect(ctx context.Context) (net.Conn, error) {
	if u.Near() {
		return u.reach(ctx)
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, u.address.network(), u.address.Address())
	if err != nil {
		return nil, failure(ctx, "connect to "+u.address.Address(), err)
	}
	return conn, nil
}

// protect makes TLS of conn, which it closes after an error.
func (u *Upstream) protect(ctx context.Context, conn net.Conn) (net.Conn, error) {
	secure := tls.Client(conn, u.trust())
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, failure(ctx, "TLS handshake with "+u.address.Address(), err)
	}
	return secure, nil
}
