package upstream

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
)

// within bounds how long a test waits for what must come.
const within = 20 * time.Second

// serve accepts one connection after the other, each on a goroutine that the test waits for.
func serve(t *testing.T, l net.Listener, each func(net.Conn)) net.Listener {
	t.Helper()
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(within))
			each(c)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-served
	})
	return l
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return l
}

// echo answers each line.
func echo(c net.Conn) {
	lines := bufio.NewReader(c)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		_, _ = io.WriteString(c, "echo "+line)
	}
}

func dial(t *testing.T, c configs.Upstream) (net.Conn, error) {
	t.Helper()
	u, err := New(c, nil)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel() // which must not harm the connection
	conn, err := u.Dial(ctx)
	if err == nil {
		t.Cleanup(func() { _ = conn.Close() })
		require.NoError(t, conn.SetDeadline(time.Now().Add(within)))
	} else {
		require.False(t, strings.HasPrefix(err.Error(), "upstream "), "who dials knows to whom: %v", err)
	}
	return conn, err
}

// requireEcho wants the connection to carry bytes both ways.
func requireEcho(t *testing.T, conn net.Conn) {
	t.Helper()
	_, err := io.WriteString(conn, "hello\n")
	require.NoError(t, err)
	line, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "echo hello\n", line)
}

func TestTCP(t *testing.T) {
	l := serve(t, listen(t), echo)
	conn, err := dial(t, configs.Upstream{URI: "mqtt://" + l.Addr().String()})
	require.NoError(t, err)
	requireEcho(t, conn)
	require.IsType(t, &net.TCPConn{}, conn, "which joins the epoll set of a loop")
}

func TestTCPRefused(t *testing.T) {
	l := listen(t)
	require.NoError(t, l.Close())
	_, err := dial(t, configs.Upstream{URI: "mqtt://user:secret@" + l.Addr().String()})
	require.ErrorContains(t, err, "connect to "+l.Addr().String()+": ")
	require.ErrorContains(t, err, "refused")
	require.NotContains(t, err.Error(), "secret")
}

func TestHostUnknown(t *testing.T) {
	_, err := dial(t, configs.Upstream{URI: "mqtt://no..such..host"})
	require.ErrorContains(t, err, "connect to no..such..host:1883: the host cannot be found: ")
	var dns *net.DNSError
	require.ErrorAs(t, err, &dns)
}

func TestUnix(t *testing.T) {
	dir, err := os.MkdirTemp("", "upstream") // that of the test may be longer than a socket's name can be
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	name := filepath.Join(dir, "broker.sock")
	l, err := net.Listen("unix", name)
	require.NoError(t, err)
	serve(t, l, echo)
	conn, err := dial(t, configs.Upstream{URI: "unix://" + name})
	require.NoError(t, err)
	requireEcho(t, conn)

	_, err = dial(t, configs.Upstream{URI: "unix://" + name + ".not"})
	require.ErrorContains(t, err, "connect to "+name+".not: ")
	require.ErrorIs(t, err, syscall.ENOENT)
}

// TestSilence dials who accepts and never says a word.
func TestSilence(t *testing.T) {
	a := newAuthority(t)
	for scheme, step := range map[string]string{"mqtts": "TLS handshake with ", "ws": "WebSocket at /mqtt", "wss": "TLS handshake with "} {
		closed := make(chan error, 1)
		l := serve(t, listen(t), func(c net.Conn) {
			_, err := io.Copy(io.Discard, c)
			closed <- err
		})
		u, err := New(configs.Upstream{URI: scheme + "://" + l.Addr().String(), TLS: configs.TLSClient{CAFile: a.file}}, nil)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err = u.Dial(ctx)
		cancel()
		require.ErrorContains(t, err, step, scheme)
		require.ErrorContains(t, err, ": no answer in time", scheme)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, <-closed, "the connection is left open")
	}
}

func TestGivenUp(t *testing.T) {
	l := listen(t)
	t.Cleanup(func() { _ = l.Close() })
	u, err := New(configs.Upstream{URI: "mqtt://" + l.Addr().String()}, nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = u.Dial(ctx)
	require.ErrorContains(t, err, "given up")
	require.ErrorIs(t, err, context.Canceled)
}

// secured serves TLS and tells what it saw of each handshake that came to an end.
func secured(t *testing.T, c *tls.Config) (port string, seen chan tls.ConnectionState) {
	t.Helper()
	seen = make(chan tls.ConnectionState, 1)
	l := serve(t, tls.NewListener(listen(t), c), func(c net.Conn) {
		if c.(*tls.Conn).Handshake() == nil {
			seen <- c.(*tls.Conn).ConnectionState()
			echo(c)
		}
	})
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), seen
}

// securedHost serves TLS with a host of its own.
func securedHost(t *testing.T, a *authority, host func(net.Conn)) (port string) {
	t.Helper()
	return strconv.Itoa(serve(t, tls.NewListener(listen(t), a.server(t)), host).Addr().(*net.TCPAddr).Port)
}

func TestTLS(t *testing.T) {
	a := newAuthority(t)
	certificate, key := a.issue(t, "bridge", false, time.Now().Add(-time.Hour))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := a.server(t)
		config.MaxVersion = version
		port, seen := secured(t, config)
		conn, err := dial(t, configs.Upstream{
			URI: "mqtts://127.0.0.1:" + port,
			TLS: configs.TLSClient{CAFile: a.file, CertFile: certificate, KeyFile: key, ServerName: "broker.test", ALPN: "other, mqtt"},
		})
		require.NoError(t, err)
		state := <-seen
		require.Equal(t, version, state.Version)
		require.Equal(t, "broker.test", state.ServerName)
		require.Equal(t, "mqtt", state.NegotiatedProtocol)
		require.Equal(t, "bridge", state.PeerCertificates[0].Subject.CommonName)
		requireEcho(t, conn)
	}
}

// TestTLSHost asks for the host of the URI where no name was configured, and for that of the Server that it was sent to.
func TestTLSHost(t *testing.T) {
	a := newAuthority(t)
	config := a.server(t)
	config.ClientAuth = tls.NoClientCert
	port, seen := secured(t, config)
	u, err := New(configs.Upstream{URI: "mqtts://elsewhere.test:" + port, TLS: configs.TLSClient{CAFile: a.file}}, nil)
	require.NoError(t, err)
	require.Equal(t, "elsewhere.test", u.trust().ServerName)
	u, err = u.Follow("127.0.0.1:" + port)
	require.NoError(t, err)
	conn, err := u.Dial(t.Context())
	require.NoError(t, err)
	require.Empty(t, (<-seen).ServerName, "an address is no name")
	require.NoError(t, conn.Close())
}

func TestTLSRefused(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	config := a.server(t)
	config.MaxVersion = tls.VersionTLS12 // with which the server's judgement is a part of the handshake
	strict, _ := secured(t, config)
	open := config.Clone()
	open.ClientAuth = tls.NoClientCert
	lax, seen := secured(t, open)
	plain := serve(t, listen(t), func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1))
		_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
	})
	closing := serve(t, listen(t), func(c net.Conn) { _, _ = c.Read(make([]byte, 64<<10)) }) // all of the hello
	certificate, key := other.issue(t, "stranger", false, time.Now().Add(-time.Hour))
	expired := newAuthority(t)
	late, lateKey := expired.issue(t, "late", true, time.Now().Add(-48*time.Hour))
	own, err := tls.LoadX509KeyPair(late, lateKey)
	require.NoError(t, err)
	old, _ := secured(t, &tls.Config{Certificates: []tls.Certificate{own}})
	for _, c := range []struct {
		name, port string
		tls        configs.TLSClient
		want       string
	}{
		{"authority", lax, configs.TLSClient{CAFile: other.file}, "tls.ca_file has to hold"},
		{"those of the system", lax, configs.TLSClient{}, "tls.ca_file has to hold"},
		{"name", lax, configs.TLSClient{CAFile: a.file, ServerName: "other.test"}, "tls.server_name can say"},
		{"no certificate", strict, configs.TLSClient{CAFile: a.file}, "tls.cert_file"},
		{"a stranger's certificate", strict, configs.TLSClient{CAFile: a.file, CertFile: certificate, KeyFile: key}, "tls.cert_file"},
		{"protocol", lax, configs.TLSClient{CAFile: a.file, ALPN: "other"}, "tls.alpn"},
		{"expired", old, configs.TLSClient{CAFile: expired.file}, "expired"},
		{"not TLS", strconv.Itoa(plain.Addr().(*net.TCPAddr).Port), configs.TLSClient{CAFile: a.file}, "does not speak TLS"},
		{"closed", strconv.Itoa(closing.Addr().(*net.TCPAddr).Port), configs.TLSClient{CAFile: a.file}, "closed the connection"},
	} {
		_, err := dial(t, configs.Upstream{URI: "mqtts://127.0.0.1:" + c.port, TLS: c.tls})
		require.ErrorContains(t, err, "TLS handshake with 127.0.0.1:"+c.port+": ", c.name)
		require.ErrorContains(t, err, c.want, c.name)
	}
	require.Empty(t, seen)
	conn, err := dial(t, configs.Upstream{URI: "mqtts://127.0.0.1:" + lax, TLS: configs.TLSClient{Insecure: true}})
	require.NoError(t, err)
	<-seen
	requireEcho(t, conn)
}

func TestTLSFiles(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	certificate, _ := a.issue(t, "bridge", false, time.Now())
	_, key := other.issue(t, "bridge", false, time.Now())
	empty := write(t, "no PEM")
	for _, c := range []struct {
		tls  configs.TLSClient
		want []string
	}{
		{configs.TLSClient{CAFile: "/nowhere/ca.pem"}, []string{"tls.ca_file: ", "/nowhere/ca.pem"}},
		{configs.TLSClient{CAFile: empty}, []string{"tls.ca_file: ", empty, "no certificate in PEM"}},
		{configs.TLSClient{CertFile: certificate}, []string{"tls.cert_file is of no use without tls.key_file"}},
		{configs.TLSClient{KeyFile: key}, []string{"tls.key_file is of no use without tls.cert_file"}},
		{configs.TLSClient{CertFile: certificate, KeyFile: key}, []string{certificate, key, "private key does not match"}},
		{configs.TLSClient{CertFile: certificate, KeyFile: "/nowhere/key"}, []string{"tls.key_file: /nowhere/key"}},
	} {
		for _, scheme := range []string{"mqtts", "wss"} {
			_, err := New(configs.Upstream{URI: scheme + "://user:secret@a", TLS: c.tls}, nil)
			for _, want := range append(c.want, "upstream "+scheme+"://a: ") {
				require.ErrorContains(t, err, want)
			}
		}
		_, err := New(configs.Upstream{URI: "mqtt://a", TLS: c.tls}, nil)
		require.NoError(t, err, "which needs no TLS")
	}
}
