package configs

import (
	"os"
	"runtime"
	"time"
)

// tlsServer judges what Clients of a listener are shown and have to show. A choice
// that is empty, as in a Config made by a program, is the default.
func (v *validation) tlsServer(key string, l Listener) {
	t := l.TLS
	if t.ClientCertificate != "" {
		v.choice(key+"client_certificate", string(t.ClientCertificate), t.ClientCertificate)
	}
	if t.Username != "" {
		v.choice(key+"username", string(t.Username), t.Username)
	}
	if l.Transport != TransportTLS {
		if name := t.set(); name != "" && l.Transport == TransportTCP {
			v.add(key+name, "has no meaning with transport: tcp; write transport: tls, or leave it out")
		}
		return
	}
	v.check(t.CertFile != "", key+"cert_file", "missing; name the file with the certificate that Clients are shown, in PEM")
	v.check(t.KeyFile != "", key+"key_file", "missing; name the file with the key of the certificate, in PEM")
	if t.CertFile != "" && t.KeyFile != "" {
		if _, private, err := ReadPair(t.CertFile, t.KeyFile); err != nil {
			name := "cert_file"
			if private {
				name = "key_file"
			}
			v.file(key+name, err)
		}
	}
	if t.CAFile != "" {
		if _, err := ReadCertificates(t.CAFile); err != nil {
			v.file(key+"ca_file", err)
		}
		return
	}
	const way = "name in ca_file the certificates that those of Clients come from, or leave it out"
	v.check(t.ClientCertificate != CertificateRequired, key+"client_certificate", "required has no meaning without ca_file; %s", way)
	v.check(!t.FromCertificate(), key+"username", "%s has no meaning without ca_file; %s", t.Username, way)
}

// FromCertificate tells whether user names come from the certificates of Clients.
func (t TLSServer) FromCertificate() bool {
	return t.Username == UsernameCommonName || t.Username == UsernameSAN
}

// set names a key that is not as it is by default; empty: there is none.
func (t TLSServer) set() string {
	switch {
	case t.CertFile != "":
		return "cert_file"
	case t.KeyFile != "":
		return "key_file"
	case t.CAFile != "":
		return "ca_file"
	case t.ClientCertificate == CertificateRequired:
		return "client_certificate"
	case t.FromCertificate():
		return "username"
	}
	return ""
}

// tlsWarnings tells what Clients will not trust, and who can read the key.
func (v *validation) tlsWarnings(key string, l Listener) {
	if l.Transport != TransportTLS {
		return
	}
	if pair, _, err := ReadPair(l.TLS.CertFile, l.TLS.KeyFile); err == nil && pair.Leaf != nil {
		switch now, leaf := time.Now(), pair.Leaf; {
		case now.After(leaf.NotAfter):
			v.add(key+"cert_file", "%s has expired on %s: no Client trusts it; put a new one there, which SIGHUP takes without a restart", l.TLS.CertFile, day(leaf.NotAfter))
		case now.Before(leaf.NotBefore):
			v.add(key+"cert_file", "%s is not valid before %s: no Client trusts it until then; the clock of this machine may be wrong", l.TLS.CertFile, day(leaf.NotBefore))
		}
	}
	if runtime.GOOS == "windows" { // which has no such bits
		return
	}
	if info, err := os.Stat(l.TLS.KeyFile); err == nil && info.Mode().Perm()&0o007 != 0 {
		v.add(key+"key_file", "%s can be read or changed by every user of this machine (mode %04o): write chmod o= %s", l.TLS.KeyFile, info.Mode().Perm(), l.TLS.KeyFile)
	}
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
