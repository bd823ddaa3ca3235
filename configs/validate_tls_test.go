package configs

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// secured is a Config with one TLS listener that is right, after a change.
func secured(change func(l *Listener)) Config {
	c := Defaults()
	c.Listeners = []Listener{{
		Name: "tls", Address: "127.0.0.1:8883", Transport: TransportTLS,
		TLS: TLSServer{CertFile: "good.pem", KeyFile: "good.key", CAFile: "good.pem"},
	}}
	change(&c.Listeners[0])
	return c
}

// What TLS listeners name is read, and what is wrong said at the key, with a way out.
func TestTLSListeners(t *testing.T) {
	t.Chdir(t.TempDir())
	certificate(t, "good")
	certificate(t, "other")
	require.NoError(t, os.WriteFile("junk.pem", []byte("junk"), 0o600))
	for want, change := range map[string]func(l *Listener){
		"tls.cert_file: missing; name the file with the certificate that Clients are shown, in PEM": func(l *Listener) { l.TLS.CertFile = "" },
		"tls.key_file: missing; name the file with the key of the certificate, in PEM":              func(l *Listener) { l.TLS.KeyFile = "" },
		"tls.cert_file: none.pem cannot be read: ":                                                  func(l *Listener) { l.TLS.CertFile = "none.pem" },
		"tls.key_file: none.key cannot be read: ":                                                   func(l *Listener) { l.TLS.KeyFile = "none.key" },
		"tls.cert_file: good.pem and other.key: tls: private key does not match":                    func(l *Listener) { l.TLS.KeyFile = "other.key" },
		"tls.cert_file: junk.pem and good.key: ":                                                    func(l *Listener) { l.TLS.CertFile = "junk.pem" },
		"tls.ca_file: junk.pem holds no certificate in PEM":                                         func(l *Listener) { l.TLS.CAFile = "junk.pem" },
		`tls.client_certificate: "always" is not allowed; allowed: optional, required`:              func(l *Listener) { l.TLS.ClientCertificate = "always" },
		`tls.username: "cn" is not allowed; allowed: connect, common-name, san`:                     func(l *Listener) { l.TLS.Username = "cn" },
		"tls.client_certificate: required has no meaning without ca_file; name in ca_file the certificates": func(l *Listener) {
			l.TLS.CAFile, l.TLS.ClientCertificate = "", CertificateRequired
		},
		"tls.username: san has no meaning without ca_file; name in ca_file the certificates":       func(l *Listener) { l.TLS.CAFile, l.TLS.Username = "", UsernameSAN },
		"tls.cert_file: has no meaning with transport: tcp; write transport: tls, or leave it out": func(l *Listener) { l.Transport = TransportTCP },
		"tls.username: has no meaning with transport: tcp; write transport: tls, or leave it out":  func(l *Listener) { l.Transport, l.TLS = TransportTCP, TLSServer{Username: UsernameCommonName} },
		"transport: wss is not there yet; allowed: tcp, tls":                                       func(l *Listener) { l.Transport = "wss" },
		"tls.client_certificate: has no meaning with transport: tcp; write transport: tls, or leave it out": func(l *Listener) {
			l.Transport, l.TLS = TransportTCP, TLSServer{ClientCertificate: CertificateRequired}
		},
	} {
		c := secured(change)
		err := c.Validate()
		require.Error(t, err, want)
		require.True(t, strings.HasPrefix(err.Error(), "listeners[0]."+want), "%s\n%v", want, err)
		require.Len(t, err, 1)
	}
	for _, change := range []func(l *Listener){
		func(*Listener) {},
		func(l *Listener) { l.TLS.ClientCertificate, l.TLS.Username = CertificateRequired, UsernameSAN },
		func(l *Listener) { l.TLS.CAFile = "" },
		func(l *Listener) { l.Transport, l.TLS = TransportTCP, tlsDefaults() },
	} {
		c := secured(change)
		require.NoError(t, c.Validate())
	}
}

func TestTLSWarnings(t *testing.T) {
	t.Chdir(t.TempDir())
	certificate(t, "good")
	certificateUntil(t, "old", time.Date(2020, 1, 2, 3, 4, 0, 0, time.UTC))
	certificateUntil(t, "new", time.Date(2999, 1, 2, 3, 4, 0, 0, time.UTC))
	certificate(t, "open")
	require.NoError(t, os.Chmod("open.key", 0o644))
	for name, want := range map[string]string{
		"good": "",
		"old":  "listeners[0].tls.cert_file: old.pem has expired on 2020-01-02 03:04 UTC: no Client trusts it; put a new one there, which SIGHUP takes without a restart",
		"new":  "listeners[0].tls.cert_file: new.pem is not valid before 2999-01-02 01:04 UTC: no Client trusts it until then; the clock of this machine may be wrong",
		"open": "listeners[0].tls.key_file: open.key can be read or changed by every user of this machine (mode 0644): write chmod o= open.key",
	} {
		if name == "open" && runtime.GOOS == "windows" {
			continue
		}
		c := secured(func(l *Listener) { l.TLS.CertFile, l.TLS.KeyFile = name+".pem", name+".key" })
		require.NoError(t, c.Validate())
		var lines []string
		for _, p := range Warnings(c, nil) {
			lines = append(lines, p.Error())
		}
		require.Equal(t, want, strings.Join(lines, "\n"))
	}
}

// What is below tls changes while the instance runs; that there is TLS does not.
func TestChangesOfTLS(t *testing.T) {
	old := secured(func(*Listener) {})
	new := secured(func(l *Listener) { l.TLS.CertFile, l.TLS.Username = "other.pem", UsernameSAN })
	_, restart := Changes(old, new)
	require.Empty(t, restart)
	require.Equal(t, "good.pem", old.Listeners[0].TLS.CertFile)
	new = secured(func(l *Listener) { l.Transport, l.TLS = TransportTCP, tlsDefaults() })
	_, restart = Changes(old, new)
	require.Contains(t, restart, "listeners[0].transport")
}
