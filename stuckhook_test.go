package troupe

import (
	"context"
	"testing"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// A hook that never returns keeps the broker from ending, and not the program that
// shuts it down. One that does so itself waits for itself until its context is done.
func TestShutdownBesideAHookThatDoesNotReturn(t *testing.T) {
	before := goleak.IgnoreCurrent()
	inside, release, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	var b *Broker
	b = start(t, WithHooks(Hooks{Connected: func(Client, bool) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		close(inside)
		ended <- b.Shutdown(ctx)
		<-release
	}}))
	conn, err := b.Dial(within(t))
	require.NoError(t, err)
	client := paho.NewClient(paho.ClientConfig{Conn: packets.NewThreadSafeConn(conn)})
	connecting := make(chan struct{})
	go func() {
		defer close(connecting)
		_, _ = client.Connect(within(t), &paho.Connect{ClientID: "c", CleanStart: true})
	}()
	wait(t, inside, "the hook was not called")
	err = wait(t, ended, "Shutdown waits for the hook that called it")
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "once a hook")

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, b.Shutdown(ctx), context.Canceled)
	close(release)
	wait(t, b.Done(), "the broker does not end once the hook has returned")
	require.NoError(t, b.Err())
	require.NoError(t, b.Shutdown(within(t)))
	_ = conn.Close()
	wait(t, connecting, "the client waits on")
	goleak.VerifyNone(t, before)
}
