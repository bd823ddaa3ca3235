package instances

import (
	"context"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/auth/password"
	"github.com/troupemq/troupe/protocol/packet"
)

// All instances of a Supervisor have one bound on hashing: while somebody takes all
// of it no password is checked at either, and afterwards at both.
func TestInstancesShareTheBoundOnHashing(t *testing.T) {
	users := filepath.Join(t.TempDir(), "users")
	_, err := password.Set(within(t), users, "ann", []byte("secret"))
	require.NoError(t, err)
	s := supervisor(t, Options{})
	s.hashing = troupe.NewHashing(1)
	guarded := func(name string) configs.Instance {
		i := listening(name, "", "")
		i.Config.Auth.PasswordFile, i.Config.Limits.ConnectTimeout = users, configs.Duration(200*time.Millisecond)
		return i
	}
	require.NoError(t, s.Launch(within(t), guarded("a"), guarded("b")))
	come := func(name string) troupe.ReasonCode {
		t.Helper()
		conn, err := s.Dial(within(t), name)
		require.NoError(t, err)
		defer conn.Close()
		c := packet.Connect{Version: packet.V5, ClientID: []byte("c"), Username: []byte("ann"), Password: []byte("secret")}
		_, err = conn.Write(c.Append(nil))
		require.NoError(t, err)
		b := make([]byte, 256)
		n, err := io.ReadAtLeast(conn, b, 2)
		require.NoError(t, err)
		_, err = io.ReadFull(conn, b[n:max(n, 2+int(b[1]))])
		require.NoError(t, err)
		var ack packet.Connack
		require.NoError(t, ack.Decode(b[:2+int(b[1])], packet.V5))
		return ack.Code
	}
	taken, release, did := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		did <- s.hashing.Do(context.Background(), func() {
			close(taken)
			<-release
		})
	}()
	<-taken
	require.Equal(t, packet.ServerBusy, come("a"))
	require.Equal(t, packet.ServerBusy, come("b"))
	close(release)
	require.NoError(t, <-did)
	for _, name := range []string{"a", "b"} { // a hash may take longer than limits.connect_timeout on a machine that is busy
		require.Eventually(t, func() bool { return come(name) == packet.Success }, time.Minute, time.Millisecond)
	}
}
