package tlsserver

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// Conn is a TLS connection whose handshake is the business of the first Read. As
// with any connection of this package's listeners one goroutine reads.
type Conn struct {
	*tls.Conn
	raw    net.Conn
	shaken bool
	failed error
}

func wrap(raw net.Conn, config *tls.Config) *Conn {
	return &Conn{Conn: tls.Server(raw, config), raw: raw}
}

// HandshakeError is the error of a handshake that failed.
type HandshakeError struct{ cause error }

func (e *HandshakeError) Error() string { return "TLS handshake: " + explain(e.cause) }

// Unwrap gives the reason.
func (e *HandshakeError) Unwrap() error { return e.cause }

// Silent tells whether the peer has simply gone, as it does who only looks
// whether somebody listens.
func (e *HandshakeError) Silent() bool { return errors.Is(e.cause, io.EOF) }

// Read does the handshake first; a failure of it is a [HandshakeError].
func (c *Conn) Read(p []byte) (int, error) {
	switch {
	case c.failed != nil: // what is read is thrown away, see CloseWrite
		return c.raw.Read(p)
	case !c.shaken:
		// Apart, so that who reads does not keep the large stack that it takes.
		done := make(chan error, 1)
		go func() { done <- c.Conn.Handshake() }()
		if err := <-done; err != nil {
			c.failed = &HandshakeError{err}
			return 0, c.failed
		}
		c.shaken = true
	}
	return c.Conn.Read(p)
}

// CloseWrite tells the peer that nothing more comes. After a handshake that failed
// it lets the peer read the alert that says why: closed at once, the connection
// would be reset over what the peer has sent meanwhile.
func (c *Conn) CloseWrite() error {
	if c.failed == nil {
		return c.Conn.CloseWrite()
	}
	if half, ok := c.raw.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.failed
}

// Certificate is the verified one of a peer whose handshake is done; nil: it has
// shown none, or the connection has no TLS.
func Certificate(conn any) *x509.Certificate {
	secure, ok := conn.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return nil
	}
	if chains := secure.ConnectionState().VerifiedChains; len(chains) > 0 && len(chains[0]) > 0 {
		return chains[0][0]
	}
	return nil
}

// explain says in words for an operator why a handshake failed.
func explain(err error) string {
	var record tls.RecordHeaderError
	switch text := err.Error(); {
	case errors.As(err, &record):
		return fmt.Sprintf("the client does not speak TLS (%s)", strings.TrimPrefix(record.Msg, "tls: "))
	case strings.HasPrefix(text, "remote error: "): // an alert
		return "the client refuses what it is shown, or the protocol (" + strings.TrimPrefix(text, "remote error: tls: ") + ")"
	default:
		return strings.TrimPrefix(text, "tls: ")
	}
}
