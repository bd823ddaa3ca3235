package upstream

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"github.com/troupemq/troupe/configs"
)

// load reads the files that c names. Errors begin with the key.
func load(c configs.TLSClient) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName, InsecureSkipVerify: c.Insecure}
	if c.CAFile != "" {
		var err error
		if t.RootCAs, err = configs.ReadCertificates(c.CAFile); err != nil {
			return nil, fmt.Errorf("tls.ca_file: %w", err)
		}
	}
	switch {
	case c.CertFile != "" && c.KeyFile != "":
		own, key, err := configs.ReadPair(c.CertFile, c.KeyFile)
		switch {
		case err != nil && key:
			return nil, fmt.Errorf("tls.key_file: %w", err)
		case err != nil:
			return nil, fmt.Errorf("tls.cert_file: %w", err)
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
