package tlsserver

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/testca"
)

const patience = 20 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// result is what a server's side saw of one connection.
type result struct {
	conn net.Conn
	text string
	err  error
}

// open listens with a Server of c; each connection is read from once.
func open(t *testing.T, c configs.TLSServer) (*Server, string, <-chan result) {
	t.Helper()
	s, err := Load(c)
	require.NoError(t, err)
	server := New(s)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := server.Listen(tcp)
	results, done := make(chan result, 16), make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			b := make([]byte, 64)
			n, err := conn.Read(b)
			results <- result{conn, string(b[:n]), err}
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		<-done
	})
	return server, tcp.Addr().String(), results
}

func own(t *testing.T, a *testca.Authority, name string, change ...func(*x509.Certificate)) []tls.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(a.Issue(t, name, change...))
	require.NoError(t, err)
	return []tls.Certificate{pair}
}

// say dials, and says a word if the handshake goes through.
func say(t *testing.T, address string, c *tls.Config) (*tls.Conn, error) {
	t.Helper()
	tcp, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tcp.Close() })
	_ = tcp.SetDeadline(time.Now().Add(patience))
	c.ServerName = "127.0.0.1"
	conn := tls.Client(tcp, c)
	_, err = conn.Write([]byte("word"))
	return conn, err
}

func TestClientCertificates(t *testing.T) {
	ours, others := testca.New(t), testca.New(t)
	cert, key := ours.Issue(t, "broker")
	config := configs.TLSServer{CertFile: cert, KeyFile: key, CAFile: ours.File}
	good, bad := own(t, ours, "meter"), own(t, others, "meter")
	for _, c := range []struct {
		name     string
		required bool
		shown    []tls.Certificate
		leaf     string
		fails    string
	}{
		{"optional and none", false, nil, "", ""},
		{"optional and good", false, good, "meter", ""},
		{"optional and of another authority", false, bad, "", "TLS handshake: failed to verify certificate: x509: certificate signed by unknown authority"},
		{"required and none", true, nil, "", "TLS handshake: client didn't provide a certificate"},
		{"required and good", true, good, "meter", ""},
		{"required and of another authority", true, bad, "", "unknown authority"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := config
			if c.required {
				config.ClientCertificate = configs.CertificateRequired
			}
			_, address, results := open(t, config)
			client, err := say(t, address, &tls.Config{RootCAs: ours.Pool, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if c.shown == nil {
					return new(tls.Certificate), nil
				}
				return &c.shown[0], nil // even if the server would not take it
			}})
			require.NoError(t, err) // with TLS 1.3 the server's judgement comes later
			r := <-results
			defer r.conn.Close()
			if c.fails == "" {
				require.NoError(t, r.err)
				require.Equal(t, "word", r.text)
				leaf := Certificate(r.conn)
				require.Equal(t, c.leaf != "", leaf != nil)
				if leaf != nil {
					require.Equal(t, c.leaf, leaf.Subject.CommonName)
				}
				return
			}
			var failure *HandshakeError
			require.ErrorAs(t, r.err, &failure)
			require.ErrorContains(t, failure, c.fails)
			require.False(t, failure.Silent())
			require.NoError(t, r.conn.(*Conn).CloseWrite())
			drained := make(chan error, 1)
			go func() {
				_, err := io.Copy(io.Discard, r.conn)
				drained <- err
			}()
			_, err = client.Read(make([]byte, 1))
			require.ErrorContains(t, err, "remote error: tls: ", "the Client is told why")
			require.NoError(t, client.NetConn().Close())
			require.NoError(t, <-drained)
		})
	}
}

// Who does not speak TLS, does not trust the server, or has an old version, is told apart in the log.
func TestReasons(t *testing.T) {
	a := testca.New(t)
	cert, key := a.Issue(t, "broker")
	_, address, results := open(t, configs.TLSServer{CertFile: cert, KeyFile: key})
	for want, try := range map[string]func(net.Conn) error{
		"TLS handshake: the client does not speak TLS (first record does not look like a TLS handshake)": func(c net.Conn) error {
			_, err := c.Write([]byte("\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00"))
			return err
		},
		"TLS handshake: the client refuses what it is shown, or the protocol (bad certificate)": func(c net.Conn) error {
			return shouldFail(tls.Client(c, &tls.Config{ServerName: "127.0.0.1"}).Handshake())
		},
		"TLS handshake: client offered only unsupported versions": func(c net.Conn) error {
			return shouldFail(tls.Client(c, &tls.Config{RootCAs: a.Pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}).Handshake())
		},
		"TLS handshake: EOF": func(c net.Conn) error { return c.Close() },
	} {
		c, err := net.Dial("tcp", address)
		require.NoError(t, err)
		_ = c.SetDeadline(time.Now().Add(patience))
		tried := make(chan error, 1)
		go func() { tried <- try(c) }()
		r := <-results
		require.ErrorContains(t, r.err, want)
		var failure *HandshakeError
		require.ErrorAs(t, r.err, &failure)
		require.Equal(t, want == "TLS handshake: EOF", failure.Silent())
		require.NoError(t, r.conn.Close())
		require.NoError(t, <-tried)
		_ = c.Close()
	}
}

func shouldFail(err error) error {
	if err == nil {
		return errors.New("the handshake went through")
	}
	return nil
}

// Other Settings hold for connections that come later. Even a Client that was let
// in before and could resume is judged anew.
func TestUse(t *testing.T) {
	first, second := testca.New(t), testca.New(t)
	cert, key := first.Issue(t, "broker")
	server, address, results := open(t, configs.TLSServer{CertFile: cert, KeyFile: key, CAFile: first.File})
	client := &tls.Config{RootCAs: first.Pool, ClientSessionCache: tls.NewLRUClientSessionCache(1), Certificates: own(t, first, "meter")}
	var old result
	for _, resumed := range []bool{false, true} {
		conn, err := say(t, address, client)
		require.NoError(t, err)
		r := <-results
		require.NoError(t, r.err)
		require.Equal(t, resumed, conn.ConnectionState().DidResume)
		require.NotNil(t, Certificate(r.conn))
		_, err = r.conn.Write([]byte("answer")) // with it comes what to resume with
		require.NoError(t, err)
		_, err = conn.Read(make([]byte, 8))
		require.NoError(t, err)
		defer r.conn.Close()
		old = r
	}

	_, err := Load(configs.TLSServer{CertFile: cert, KeyFile: "/nowhere/key"})
	require.ErrorContains(t, err, "key_file: /nowhere/key cannot be read")
	_, err = Load(configs.TLSServer{CertFile: "/nowhere/cert", KeyFile: key})
	require.ErrorContains(t, err, "cert_file: /nowhere/cert cannot be read")
	_, err = Load(configs.TLSServer{CertFile: cert, KeyFile: key, CAFile: key})
	require.ErrorContains(t, err, "ca_file: "+key+" holds no certificate")

	newCert, newKey := second.Issue(t, "broker2")
	s, err := Load(configs.TLSServer{CertFile: newCert, KeyFile: newKey, CAFile: second.File})
	require.NoError(t, err)
	server.Use(s)
	client.RootCAs = second.Pool
	_, err = say(t, address, client)
	require.NoError(t, err)
	r := <-results
	defer r.conn.Close()
	require.ErrorContains(t, r.err, "unknown authority")

	client = &tls.Config{RootCAs: second.Pool, Certificates: own(t, second, "meter")}
	conn, err := say(t, address, client)
	require.NoError(t, err)
	require.Equal(t, "broker2", conn.ConnectionState().PeerCertificates[0].Subject.CommonName)
	r = <-results
	require.NoError(t, r.err)
	require.NoError(t, r.conn.Close())
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "which close_notify says")

	_, err = old.conn.Write([]byte("still there"))
	require.NoError(t, err)
}

func TestUsername(t *testing.T) {
	a := testca.New(t)
	uri, err := url.Parse("spiffe://plant/meter")
	require.NoError(t, err)
	cert, key := a.Issue(t, "broker")
	for _, c := range []struct {
		source configs.CertificateUsername
		change func(*x509.Certificate)
		name   string
		from   bool
	}{
		{"", func(*x509.Certificate) {}, "", false},
		{configs.UsernameConnect, func(*x509.Certificate) {}, "", false},
		{configs.UsernameCommonName, func(*x509.Certificate) {}, "meter", true},
		{configs.UsernameCommonName, func(c *x509.Certificate) { c.Subject.CommonName = "" }, "", true},
		{configs.UsernameSAN, func(*x509.Certificate) {}, "", true},
		{configs.UsernameSAN, func(c *x509.Certificate) { c.DNSNames, c.EmailAddresses = []string{"a", "b"}, []string{"m@x"} }, "a", true},
		{configs.UsernameSAN, func(c *x509.Certificate) { c.EmailAddresses, c.URIs = []string{"m@x"}, []*url.URL{uri} }, "m@x", true},
		{configs.UsernameSAN, func(c *x509.Certificate) { c.URIs = []*url.URL{uri} }, "spiffe://plant/meter", true},
	} {
		s, err := Load(configs.TLSServer{CertFile: cert, KeyFile: key, CAFile: a.File, Username: c.source})
		require.NoError(t, err)
		name, from := New(s).Username(own(t, a, "meter", c.change)[0].Leaf)
		require.Equal(t, c.name, name)
		require.Equal(t, c.from, from)
	}
}

func TestCertificateOfOthers(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	require.Nil(t, Certificate(a))
	require.Nil(t, Certificate(nil))
}
