package upstream

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// authority is a certificate authority for one test.
type authority struct {
	dir  string
	key  *ecdsa.PrivateKey
	root *x509.Certificate
	pool *x509.CertPool
	file string // its certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of " + t.Name()}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	root, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	a := &authority{dir: t.TempDir(), key: key, root: root, pool: x509.NewCertPool()}
	a.pool.AddCert(root)
	a.file = a.save(t, "ca.pem", "CERTIFICATE", der)
	return a
}

func (a *authority) save(t *testing.T, name, kind string, der []byte) string {
	t.Helper()
	name = filepath.Join(a.dir, name)
	require.NoError(t, os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return name
}

// issue makes a certificate for a name, and for 127.0.0.1 if asked to, in two files.
func (a *authority) issue(t *testing.T, name string, loopback bool, from time.Time) (certificate, key string) {
	t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, NotBefore: from, NotAfter: from.Add(2 * time.Hour),
	}
	if loopback {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.root, &own.PublicKey, a.key)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(own)
	require.NoError(t, err)
	return a.save(t, name+".pem", "CERTIFICATE", der), a.save(t, name+".key", "PRIVATE KEY", encoded)
}

// server is the TLS configuration of a server that wants a certificate of the authority.
func (a *authority) server(t *testing.T) *tls.Config {
	t.Helper()
	certificate, key := a.issue(t, "broker.test", true, time.Now().Add(-time.Hour))
	own, err := tls.LoadX509KeyPair(certificate, key)
	require.NoError(t, err)
	return &tls.Config{Certificates: []tls.Certificate{own}, ClientCAs: a.pool, ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: []string{"mqtt"}}
}
