// Package tlsserver is the server's side of TLS: it reads what a listener shows to
// Clients and wants to see of them, makes the connections of any net.Listener
// encrypted ones, and takes other certificates while it runs.
//
// Start with [Load] and [New]. It accepts nothing itself, and the handshake is done
// by whoever reads first.
package tlsserver

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/troupemq/troupe/configs"
)

// Settings are the contents of the files of a listener. They never change.
type Settings struct {
	config   *tls.Config
	username configs.CertificateUsername
}

// Load reads the files that c names. The error begins with the key below tls, and
// names the file.
func Load(c configs.TLSServer) (*Settings, error) {
	pair, key, err := configs.ReadPair(c.CertFile, c.KeyFile)
	switch {
	case err != nil && key:
		return nil, fmt.Errorf("key_file: %w", err)
	case err != nil:
		return nil, fmt.Errorf("cert_file: %w", err)
	}
	s := &Settings{&tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}, c.Username}
	if c.CAFile == "" {
		return s, nil
	}
	if s.config.ClientCAs, err = configs.ReadCertificates(c.CAFile); err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	s.config.ClientAuth = tls.VerifyClientCertIfGiven
	if c.ClientCertificate == configs.CertificateRequired {
		s.config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return s, nil
}

// Subject is that of the certificate that Clients are shown.
func (s *Settings) Subject() string { return s.config.Certificates[0].Leaf.Subject.String() }

// Expires is when it expires.
func (s *Settings) Expires() time.Time { return s.config.Certificates[0].Leaf.NotAfter }

// Server makes TLS connections of others, by the Settings in force. Its methods are
// safe for concurrent use.
type Server struct{ current atomic.Pointer[Settings] }

// New makes a Server.
func New(s *Settings) *Server {
	server := new(Server)
	server.Use(s)
	return server
}

// Use puts other Settings into force, for connections that are accepted from now
// on. Sessions of TLS that were begun under those before are not resumed, so that
// every Client is judged by the new ones.
func (s *Server) Use(settings *Settings) { s.current.Store(settings) }

// Listen makes what l accepts TLS connections. It does not wait for handshakes.
func (s *Server) Listen(l net.Listener) net.Listener { return &listener{l, s} }

// Username is the user name in the certificate of a Client, as far as user names
// come from there: from is false if they come from CONNECT. It is empty if the
// certificate has none.
func (s *Server) Username(c *x509.Certificate) (name string, from bool) {
	switch s.current.Load().username {
	case configs.UsernameCommonName:
		return c.Subject.CommonName, true
	case configs.UsernameSAN:
		return alternative(c), true
	}
	return "", false
}

// alternative is the first Subject Alternative Name of a certificate: a DNS name,
// or if it has none a mail address, or a URI.
func alternative(c *x509.Certificate) string {
	switch {
	case len(c.DNSNames) > 0:
		return c.DNSNames[0]
	case len(c.EmailAddresses) > 0:
		return c.EmailAddresses[0]
	case len(c.URIs) > 0:
		return c.URIs[0].String()
	}
	return ""
}

type listener struct {
	net.Listener
	server *Server
}

// Accept takes the Settings of the moment; a handshake that follows keeps to them.
func (l *listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return wrap(conn, l.server.current.Load().config), nil
}
