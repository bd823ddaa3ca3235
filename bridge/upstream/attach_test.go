package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/eventloop"
)

// guest is a Handler that says a line, waits for the answer, and finishes.
type guest struct {
	conn   net.Conn
	group  *eventloop.Group
	stream eventloop.Stream
	got    []byte
	over   chan error
}

// talk is how much is said: more than a pump takes at once.
const talk = 1 << 20

// Run attaches and says the line, on the loop's turn.
func (g *guest) Run() {
	var err error
	if g.stream, err = g.group.Attach(g.conn, g.group.Loops()[0], g); err == nil {
		err = g.say("hello\n")
	}
	if err != nil {
		g.over <- err
		return
	}
	g.stream.Interest(true, false)
}

func (g *guest) Ready(eventloop.Events) {
	var b [4096]byte
	n, err := g.stream.Read(b[:])
	g.got = append(g.got, b[:n]...)
	switch {
	case len(g.got) > 0 && g.got[len(g.got)-1] == '\n':
		g.over <- errors.Join(g.say("last word\n"), g.stream.Finish())
	case err != nil && !errors.Is(err, eventloop.ErrAgain):
		_ = g.stream.Close()
		g.over <- err
	}
}

func (g *guest) say(line string) error {
	_, err := g.stream.Write([]byte(line))
	return err
}

// TestAttach binds each kind of connection to a loop, as a link does: bytes go both ways, and the last word arrives though nobody answers it.
func TestAttach(t *testing.T) {
	group, err := eventloop.New(1, nil) // who logs only tasks that panic
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, group.Close(context.Background())) })
	said := make(chan string, 1)
	host := func(c net.Conn) {
		b := make([]byte, len("hello\n"))
		_, err := io.ReadFull(c, b)
		if err == nil {
			_, err = c.Write(append(make([]byte, talk), '\n'))
		}
		if err == nil {
			b, _ = io.ReadAll(c)
		}
		said <- string(b)
		_ = c.Close()
	}
	dir, err := os.MkdirTemp("", "upstream")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	unix, err := net.Listen("unix", socket)
	require.NoError(t, err)
	serve(t, unix, host)
	a := newAuthority(t)
	certificate, key := a.issue(t, "bridge", false, time.Now().Add(-time.Hour))
	for _, uri := range []string{
		"mqtt://" + serve(t, listen(t), host).Addr().String(), "unix://" + socket,
		"mqtts://127.0.0.1:" + securedHost(t, a, host), web(t, nil, host), web(t, a.server(t), host),
	} {
		conn, err := dial(t, configs.Upstream{URI: uri, TLS: configs.TLSClient{CAFile: a.file, CertFile: certificate, KeyFile: key}})
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Time{}))
		g := &guest{conn: conn, group: group, over: make(chan error, 1)}
		group.Loops()[0].Schedule(g)
		require.NoError(t, <-g.over, uri)
		require.Len(t, g.got, talk+1, uri)
		require.Equal(t, "last word\n", <-said, uri)
	}
}
