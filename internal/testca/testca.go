// Package testca makes certificates for tests, in files as operators have them.
package testca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
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

// Authority is a certificate authority for one test.
type Authority struct {
	File string // its certificate
	Pool *x509.CertPool

	dir    string
	key    *ecdsa.PrivateKey
	root   *x509.Certificate
	serial int64
}

// New makes an Authority; its files end with the test.
func New(t testing.TB) *Authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of " + t.Name()}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	root, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	a := &Authority{Pool: x509.NewCertPool(), dir: t.TempDir(), key: key, root: root, serial: 1}
	a.Pool.AddCert(root)
	a.File = a.save(t, "ca.pem", "CERTIFICATE", der)
	return a
}

// Issue makes a certificate of a common name, in two files that carry it. It is
// for 127.0.0.1, servers and clients, and valid for a day. change may say
// otherwise; with the same name the files are written over.
func (a *Authority) Issue(t testing.TB, name string, change ...func(*x509.Certificate)) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	a.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	for _, c := range change {
		c(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.root, &key.PublicKey, a.key)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return a.save(t, name+".pem", "CERTIFICATE", der), a.save(t, name+".key", "PRIVATE KEY", encoded)
}

func (a *Authority) save(t testing.TB, name, kind string, der []byte) string {
	t.Helper()
	name = filepath.Join(a.dir, name)
	require.NoError(t, os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return name
}
