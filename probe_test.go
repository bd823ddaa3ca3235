package troupe

import (
	"net"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/memory"
)

// Probe names all that is in the way, opens nothing for good, and Start says the
// same of what it meets first.
func TestProbe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	c := configs.Defaults()
	c.DataDir = dir
	c.Listeners = []configs.Listener{
		{Name: "free", Address: "127.0.0.1:0", Transport: configs.TransportTCP},
		{Name: "taken", Address: taken.Addr().String(), Transport: configs.TransportTCP},
	}
	made := func(options ...Option) *Broker {
		t.Helper()
		b, err := New(append([]Option{WithConfig(c)}, options...)...)
		require.NoError(t, err)
		return b
	}
	b := made()
	err = b.Probe(within(t))
	require.ErrorContains(t, err, "listener taken: cannot listen on "+taken.Addr().String())
	require.NotErrorIs(t, err, persistence.ErrLocked)
	require.NoDirExists(t, dir)
	require.EqualError(t, b.Start(within(t)), err.Error())

	owner := made(WithAddress("127.0.0.1:0"), WithName("owner"))
	require.NoError(t, owner.Probe(within(t)))
	require.NoError(t, owner.Start(within(t)))
	defer func() { require.NoError(t, owner.Shutdown(within(t))) }()
	err = made().Probe(within(t))
	require.ErrorContains(t, err, "listener taken: cannot listen on ")
	require.ErrorIs(t, err, persistence.ErrLocked)
	require.ErrorContains(t, err, dir+" is in use by owner, process ")
	free := made(WithAddress("127.0.0.1:0"))
	err = free.Probe(within(t))
	require.ErrorIs(t, err, persistence.ErrLocked)
	require.EqualError(t, free.Start(within(t)), err.Error())

	store := memory.New()
	defer func() { require.NoError(t, store.Close()) }()
	require.NoError(t, made(WithStore(store), WithAddress("127.0.0.1:0")).Probe(within(t)), "what is kept is kept elsewhere")
}
