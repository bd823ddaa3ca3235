package client

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"syscall"

	"github.com/coder/websocket"
)

// dial makes the connection that MQTT is spoken on.
func dial(ctx context.Context, o Options) (net.Conn, error) {
	d := net.Dialer{KeepAlive: -1}
	if o.Source != nil {
		d.LocalAddr = &net.TCPAddr{IP: o.Source}
	}
	d.Control = func(_, _ string, raw syscall.RawConn) error {
		if o.Source != nil {
			if err := choosePortLate(raw); err != nil {
				return err
			}
		}
		if o.ReceiveBuffer > 0 { // before connecting, or the window that was offered stays
			return setReceiveBuffer(raw, o.ReceiveBuffer)
		}
		return nil
	}
	if o.Endpoint.WebSocket != "" {
		return dialWebSocket(ctx, o, &d)
	}
	conn, err := d.DialContext(ctx, "tcp", o.Endpoint.Address)
	if err != nil || !o.Endpoint.Secure {
		return conn, err
	}
	secure := tls.Client(conn, o.config())
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secure, nil
}

func dialWebSocket(ctx context.Context, o Options, d *net.Dialer) (net.Conn, error) {
	transport := &http.Transport{DialContext: d.DialContext, TLSClientConfig: o.config(), DisableKeepAlives: true}
	ws, _, err := websocket.Dial(ctx, o.Endpoint.WebSocket, &websocket.DialOptions{
		HTTPClient:   &http.Client{Transport: transport},
		Subprotocols: []string{"mqtt"},
	})
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(-1)
	return websocket.NetConn(context.Background(), ws, websocket.MessageBinary), nil
}

// config is the TLS configuration with the name of the host in it.
func (o Options) config() *tls.Config {
	if o.TLS == nil {
		return &tls.Config{ServerName: o.Endpoint.Host, MinVersion: tls.VersionTLS12}
	}
	if o.TLS.ServerName != "" || o.TLS.InsecureSkipVerify {
		return o.TLS
	}
	c := o.TLS.Clone()
	c.ServerName = o.Endpoint.Host
	return c
}
