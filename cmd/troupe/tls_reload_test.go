//go:build unix

package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/testca"
	"github.com/troupemq/troupe/protocol/packet"
)

// SIGHUP takes another certificate for connections to come; those that are there
// stay. A wrong file changes nothing and is named.
func TestHangupReadsCertificates(t *testing.T) {
	a := testca.New(t)
	broker := secured(t, a, "", "")
	hangup := func(wait string) {
		t.Helper()
		said := strings.Count(broker.log.String(), wait)
		require.NoError(t, broker.command.Process.Signal(syscall.SIGHUP))
		require.Eventually(t, func() bool { return strings.Count(broker.log.String(), wait) > said }, patience, time.Millisecond, broker.log)
	}
	shown := func() int64 {
		t.Helper()
		conn := dialTLS(t, broker.address, trusting(t, a))
		code, err := connackOver(t, conn, plain("c", ""))
		require.NoError(t, err)
		require.Equal(t, packet.Success, code)
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	old := paho5Over(t, dialTLS(t, broker.address, trusting(t, a)), fresh("old"))
	old.subscribe(paho.SubscribeOptions{Topic: "a", QoS: 1})
	first := shown()
	cert, key := a.Issue(t, "broker") // in the place of the files before
	require.Equal(t, first, shown())
	hangup(`"message":"reloaded"`)
	second := shown()
	require.Equal(t, first+1, second)
	require.Contains(t, broker.log.String(), "the certificate of a listener was read")
	require.NotContains(t, broker.log.String(), "needs a restart")

	require.NoError(t, os.WriteFile(key, []byte("junk"), 0o600))
	hangup("the configuration was not reloaded, all stays as it is")
	require.Contains(t, broker.log.String(), "listeners[0].tls.cert_file: "+cert)
	require.Equal(t, second, shown())
	old.publish(&paho.Publish{Topic: "a", QoS: 1, Payload: []byte("still here")})
	old.expect("still here")
}
