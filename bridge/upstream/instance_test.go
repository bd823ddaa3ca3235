package upstream

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
)

// An upstream that is an instance of the process is asked for by its name, and what
// goes wrong is said with it.
func TestInstance(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	wrong := errors.New("it is stopped")
	dial := func(_ context.Context, name string) (net.Conn, error) {
		switch name {
		case "Plant-7":
			return ours, nil
		case "panics":
			panic("oops")
		case "nothing":
			return nil, nil
		}
		return nil, wrong
	}
	u, err := New(configs.Upstream{URI: "instance://user:secret@Plant-7"}, dial)
	require.NoError(t, err)
	require.Equal(t, "instance://Plant-7", u.Name())
	require.Equal(t, "user", u.Username())
	conn, err := u.Dial(t.Context())
	require.NoError(t, err)
	require.Same(t, ours, conn)
	_, err = u.Follow("instance://other")
	require.ErrorContains(t, err, "refers to no other Server")

	for name, want := range map[string]string{
		"stopped": "connect to instance stopped: it is stopped",
		"panics":  "connect to instance panics: it panicked: oops",
		"nothing": "connect to instance nothing: it gave no connection",
	} {
		u, err := New(configs.Upstream{URI: "instance://" + name}, dial)
		require.NoError(t, err)
		_, err = u.Dial(t.Context())
		require.EqualError(t, err, want)
		require.Equal(t, name == "stopped", errors.Is(err, wrong))
	}
	u, err = New(configs.Upstream{URI: "instance://other"}, nil)
	require.NoError(t, err)
	_, err = u.Dial(t.Context())
	require.ErrorContains(t, err, "there is no other instance in this process")
}
