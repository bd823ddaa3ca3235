package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/testca"
	"github.com/troupemq/troupe/protocol/packet"
)

// secured starts the binary with one TLS listener that shows a certificate of a;
// more are further keys of its tls.
func secured(t testing.TB, a *testca.Authority, more, file string) *process {
	t.Helper()
	cert, key := a.Issue(t, "broker")
	return launch(t, fmt.Sprintf("data_dir: ''\n%s\nlisteners: [{name: secure, address: '127.0.0.1:0', transport: tls, tls: {cert_file: '%s', key_file: '%s'%s}}]\n",
		file, cert, key, more), "mqtts")
}

// trusting is a client's side that trusts a, with certificates to show.
func trusting(t testing.TB, a *testca.Authority, shown ...string) *tls.Config {
	t.Helper()
	c := &tls.Config{RootCAs: a.Pool, ServerName: "127.0.0.1"}
	if len(shown) > 0 {
		pair, err := tls.LoadX509KeyPair(shown[0], shown[1])
		require.NoError(t, err)
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil } // whether the server would take it or not
	}
	return c
}

func issue(t testing.TB, a *testca.Authority, name string, change ...func(*x509.Certificate)) []string {
	t.Helper()
	cert, key := a.Issue(t, name, change...)
	return []string{cert, key}
}

func dialTLS(t testing.TB, address string, c *tls.Config) *tls.Conn {
	t.Helper()
	conn, err := tls.Dial("tcp", address, c)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// connackOver says CONNECT and gives the Reason Code of the answer, or the error
// instead of one.
func connackOver(t testing.TB, conn net.Conn, c *packet.Connect) (packet.ReasonCode, error) {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write(c.Append(nil)); err != nil {
		return 0, err
	}
	answer := make([]byte, 4)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return 0, err
	}
	require.EqualValues(t, packet.TypeConnack, answer[0]>>4)
	return packet.ReasonCode(answer[3]), nil
}

func plain(id, user string) *packet.Connect {
	c := &packet.Connect{Version: packet.V5, ClientID: []byte(id), CleanStart: true}
	if user != "" {
		c.Username, c.Password = []byte(user), []byte("secret")
	}
	return c
}

// Paho talks over TLS, in both versions, with large messages, and hears the
// broker's last word.
func TestPahoOverTLS(t *testing.T) {
	a := testca.New(t)
	broker := secured(t, a, "", "")
	five := paho5Over(t, dialTLS(t, broker.address, trusting(t, a)), fresh("five"))
	five.subscribe(paho.SubscribeOptions{Topic: "to/five", QoS: 2})
	three := paho3(t, "", 4, "three", func(o *mqtt.ClientOptions) {
		o.Servers = nil
		o.AddBroker("ssl://" + broker.address).SetTLSConfig(trusting(t, a))
	})
	three.subscribe("to/three", 2)
	large := strings.Repeat("large ", 150_000)
	for qos := range byte(3) {
		three.publish("to/five", qos, false, large)
		five.expect(large)
		five.publish(&paho.Publish{Topic: "to/three", QoS: qos, Payload: []byte(large)})
		three.expect(large)
	}
	require.NoError(t, broker.command.Process.Signal(os.Interrupt))
	five.expectGoodbye(0x8B)
	require.Equal(t, exitDone, broker.exit(t))
}

// Certificates of Clients, asked for or demanded: the Client is told why it is not
// let in, and so is who reads the log.
func TestClientCertificates(t *testing.T) {
	a, other := testca.New(t), testca.New(t)
	good, bad := issue(t, a, "meter"), issue(t, other, "meter")
	for _, c := range []struct {
		demand string
		shown  []string
		fails  string // what the log says; empty: it is let in
	}{
		{"optional", nil, ""},
		{"optional", good, ""},
		{"optional", bad, "TLS handshake: failed to verify certificate: x509: certificate signed by unknown authority"},
		{"required", nil, "TLS handshake: client didn't provide a certificate"},
		{"required", good, ""},
		{"required", bad, "TLS handshake: failed to verify certificate: x509: certificate signed by unknown authority"},
	} {
		broker := secured(t, a, fmt.Sprintf(", ca_file: '%s', client_certificate: %s", a.File, c.demand), "sys: {interval: 100ms}")
		code, err := connackOver(t, dialTLS(t, broker.address, trusting(t, a, c.shown...)), plain("c", ""))
		if c.fails == "" {
			require.NoError(t, err, "%+v", c)
			require.Equal(t, packet.Success, code)
			continue
		}
		require.ErrorContains(t, err, "remote error: tls: ", "%+v", c)
		require.Eventually(t, func() bool { return strings.Contains(broker.log.String(), c.fails) }, patience, time.Millisecond, broker.log)
		require.Contains(t, broker.log.String(), `"listener":"secure"`)
		if c.demand == "optional" { // it is counted with those that were refused
			five := paho5Over(t, dialTLS(t, broker.address, trusting(t, a)), fresh("five"))
			five.subscribe(paho.SubscribeOptions{Topic: "$SYS/broker/connections/refused"})
			for string(five.next().Payload) != "1" {
			}
		}
	}
}

// User names come from certificates, whatever CONNECT says, and need no password.
func TestUsernameOfCertificate(t *testing.T) {
	a := testca.New(t)
	rules := filepath.Join(t.TempDir(), "acl.yaml")
	require.NoError(t, os.WriteFile(rules, []byte("rules:\n  - {permission: allow, topics: ['of/${username}']}\n"), 0o600))
	san := func(c *x509.Certificate) { c.DNSNames = []string{"meter.san"} }
	meter, nameless := issue(t, a, "meter", san), issue(t, a, "", san)
	for source, c := range map[string]struct {
		own  string
		none []string // shown by whom there is no name of
	}{
		"common-name": {"meter", nameless},
		"san":         {"meter.san", issue(t, a, "other")},
	} {
		broker := secured(t, a, fmt.Sprintf(", ca_file: '%s', username: %s", a.File, source), "auth: {acl_file: '"+rules+"'}")
		five := paho5Over(t, dialTLS(t, broker.address, trusting(t, a, meter...)),
			paho.Connect{ClientID: "five", CleanStart: true, UsernameFlag: true, Username: "boss", PasswordFlag: true, Password: []byte("guess")})
		five.subscribe(paho.SubscribeOptions{Topic: "of/" + c.own, QoS: 1})
		suback, err := five.Subscribe(five.context(), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "of/boss"}}})
		require.Error(t, err)
		require.Equal(t, []byte{byte(packet.NotAuthorized)}, suback.Reasons)

		code, err := connackOver(t, dialTLS(t, broker.address, trusting(t, a, c.none...)), plain("nameless", ""))
		require.NoError(t, err)
		require.Equal(t, packet.NotAuthorized, code)
		require.Eventually(t, func() bool { return strings.Contains(broker.log.String(), "has no name that could be its user name") }, patience, time.Millisecond, broker.log)
		// Who shows none has to be known otherwise.
		code, err = connackOver(t, dialTLS(t, broker.address, trusting(t, a)), plain("none", "meter"))
		require.NoError(t, err)
		require.True(t, code.IsError())
	}
}

// One who connects and says nothing holds nobody up, and is cut at the timeout of
// CONNECT; so is one who stops in the middle of the handshake.
func TestSilentHandshake(t *testing.T) {
	a := testca.New(t)
	broker := secured(t, a, "", "limits: {connect_timeout: 500ms}")
	var silent []net.Conn
	for i := range 20 {
		conn, err := net.Dial("tcp", broker.address)
		require.NoError(t, err)
		defer conn.Close()
		if i%2 == 1 {
			_, err = conn.Write([]byte{22, 3, 1, 2, 0, 1})
			require.NoError(t, err)
		}
		silent = append(silent, conn)
	}
	code, err := connackOver(t, dialTLS(t, broker.address, trusting(t, a)), plain("quick", ""))
	require.NoError(t, err)
	require.Equal(t, packet.Success, code)
	for _, conn := range silent {
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, err := io.Copy(io.Discard, conn)
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	}
}

// The broker ends TLS in order (close_notify), so that a Client can tell an end from
// a connection that somebody cut: after DISCONNECT, and after its own last word.
func TestTLSEndsInOrder(t *testing.T) {
	a := testca.New(t)
	broker := secured(t, a, "", "")
	for name, last := range map[string][]byte{
		"DISCONNECT": {byte(packet.TypeDisconnect) << 4, 0}, "malformed": {0xFF, 0},
	} {
		conn := dialTLS(t, broker.address, trusting(t, a))
		code, err := connackOver(t, conn, plain("c", ""))
		require.NoError(t, err)
		require.Equal(t, packet.Success, code)
		_, err = conn.Write(last)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, conn) // nil is close_notify: else it is an unexpected end
		require.NoError(t, err, name)
	}
}

// Who speaks plainly to the port, and who scans it a thousand times, is one line.
func TestScannersAreOneLine(t *testing.T) {
	a := testca.New(t)
	broker := secured(t, a, "", "")
	for range 50 {
		conn, err := net.Dial("tcp", broker.address)
		require.NoError(t, err)
		_, err = connackOver(t, conn, plain("c", ""))
		require.Error(t, err)
		_ = conn.Close()
	}
	said := "the client does not speak TLS"
	require.Eventually(t, func() bool { return strings.Contains(broker.log.String(), said) }, patience, time.Millisecond)
	require.Equal(t, 1, strings.Count(broker.log.String(), said), broker.log)
}

// A bridge of the binary is let in by a TLS listener of the binary, by its
// certificate alone.
func TestBridgeOverTLS(t *testing.T) {
	a := testca.New(t)
	up := secured(t, a, fmt.Sprintf(", ca_file: '%s', client_certificate: required, username: common-name", a.File), "")
	cert, key := a.Issue(t, "edge")
	edge := serveProcess(t, fmt.Sprintf("data_dir: ''\nbridges: [{name: up, upstreams: ['mqtts://%s'], tls: {ca_file: '%s', cert_file: '%s', key_file: '%s'}, forward: [{local: '#'}]}]",
		up.address, a.File, cert, key))
	there := paho5Over(t, dialTLS(t, up.address, trusting(t, a, cert, key)), fresh("there"))
	there.subscribe(paho.SubscribeOptions{Topic: "#", QoS: 2})
	here := paho5(t, edge.address, fresh("here"))
	for qos := range byte(3) {
		here.publish(&paho.Publish{Topic: "a", QoS: qos, Payload: []byte{'0' + qos}})
		if qos == 0 { // which is not kept, and nobody knows whether the bridge is connected yet
			continue
		}
		for string(there.next().Payload) != string('0'+rune(qos)) {
		}
	}
}
