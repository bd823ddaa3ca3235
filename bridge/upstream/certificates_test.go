package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/testca"
)

// authority is a certificate authority for one test.
type authority struct {
	*testca.Authority
	file string // its certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := testca.New(t)
	return &authority{a, a.File}
}

// issue makes a certificate for a name, and for 127.0.0.1 if asked to, in two files.
func (a *authority) issue(t *testing.T, name string, loopback bool, from time.Time) (certificate, key string) {
	t.Helper()
	return a.Issue(t, name, func(c *x509.Certificate) {
		c.DNSNames, c.NotBefore, c.NotAfter = []string{name}, from, from.Add(2*time.Hour)
		if !loopback {
			c.IPAddresses = nil
		}
	})
}

// server is the TLS configuration of a server that wants a certificate of the authority.
func (a *authority) server(t *testing.T) *tls.Config {
	t.Helper()
	certificate, key := a.issue(t, "broker.test", true, time.Now().Add(-time.Hour))
	own, err := tls.LoadX509KeyPair(certificate, key)
	require.NoError(t, err)
	return &tls.Config{Certificates: []tls.Certificate{own}, ClientCAs: a.Pool, ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: []string{"mqtt"}}
}
