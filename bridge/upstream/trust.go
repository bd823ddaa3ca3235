package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/troupemq/troupe/configs"
)

// load reads the files that c names. Errors begin with the key.
func load(c configs.TLSClient) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName, InsecureSkipVerify: c.Insecure}
	if c.CAFile != "" {
		text, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls.ca_file: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("tls.ca_file: %s has no certificate in PEM", c.CAFile)
		}
	}
	switch {
	case c.CertFile != "" && c.KeyFile != "":
		own, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("tls.cert_file %s, tls.key_file %s: %w", c.CertFile, c.KeyFile, err)
		}
		t.Certificates = []tls.Certificate{own}
	case c.CertFile != "":
		return nil, errors.New("tls.cert_file is of no use without tls.key_file")
	case c.KeyFile != "":
		return nil, errors.New("tls.key_file is of no use without tls.cert_file")
	}
	for name := range strings.SplitSeq(c.ALPN, ",") {
		if name = strings.TrimSpace(name); name != "" {
			t.NextProtos = append(t.NextProtos, name)
		}
	}
	return t, nil
}

// trust is the TLS configuration for a connection to the address.
func (u *Upstream) trust() *tls.Config {
	if u.tls.ServerName != "" {
		return u.tls
	}
	t := u.tls.Clone()
	t.ServerName = u.address.Host
	return t
}
