package peer

import (
	"context"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

func dial(t *testing.T, uri string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(uri, "mqtt://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestStartsAnswersAndStops(t *testing.T) {
	r, err := fake("willing").Start(t.Context())
	require.NoError(t, err)
	require.Equal(t, "fake", r.Target.Name)
	require.Equal(t, "1", r.Target.Version)
	require.Positive(t, r.Target.PID)
	require.DirExists(t, r.dir)
	conn := dial(t, r.Target.URI)

	require.NoError(t, r.Stop())
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err, "the process holds the connection still")
	require.NoDirExists(t, r.dir)
	require.NoError(t, r.Stop(), "a second time")
	require.Empty(t, r.Died(), "it was asked to end")
}

// What is kept in a directory of the caller's outlives a crash, and the next process is given it.
func TestStartsAgainWhereItWasKilled(t *testing.T) {
	dir := t.TempDir()
	p := fake("willing")
	p.Definition.Command = append(p.Definition.Command, "{dir}")
	first, err := p.StartIn(t.Context(), dir)
	require.NoError(t, err)
	require.Positive(t, first.Answered)
	conn := dial(t, first.Target.URI)
	require.NoError(t, os.WriteFile(dir+"/kept", []byte("it"), 0o600))

	require.NoError(t, first.Kill())
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err, "the process holds the connection still")
	require.Empty(t, first.Died(), "it was meant")
	require.NoError(t, first.Stop(), "there is nothing left to stop")
	require.FileExists(t, dir+"/kept")

	second, err := p.StartIn(t.Context(), dir)
	require.NoError(t, err)
	require.NotEqual(t, first.Target.PID, second.Target.PID)
	require.NoError(t, second.Stop())
	require.FileExists(t, dir+"/kept")

	third, err := p.Start(t.Context())
	require.NoError(t, err)
	require.NoError(t, third.Kill())
	require.NoDirExists(t, third.dir, "its own goes with it")
}

func TestConfigIsWrittenForIt(t *testing.T) {
	p := fake("willing")
	p.Definition.Command = append(p.Definition.Command, "{config}")
	p.Definition.Config = "listen {port}\nfiles {files}\n"
	r, err := p.Start(t.Context())
	require.NoError(t, err)
	text, err := os.ReadFile(r.dir + "/config")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(r.Target.URI, "mqtt://"))
	require.NoError(t, err)
	require.Contains(t, string(text), "listen "+port+"\n")
	require.NotContains(t, string(text), "{")
	require.NoError(t, r.Stop())
}

func TestDiesAtOnce(t *testing.T) {
	_, err := fake("doomed").Start(t.Context())
	require.ErrorContains(t, err, "fake ended before it answered: exit status 3")
	require.ErrorContains(t, err, "reading the configuration\n")
	require.ErrorContains(t, err, "no such option: fish")
}

func TestDiesInTheMiddle(t *testing.T) {
	r, err := fake("mortal").Start(t.Context())
	require.NoError(t, err)
	_, err = dial(t, r.Target.URI).Write((&packet.Publish{Topic: []byte("t")}).Append(nil, packet.V311))
	require.NoError(t, err)

	err = <-r.Died()
	require.ErrorContains(t, err, "fake died: exit status 7")
	require.ErrorContains(t, err, "assertion failed: fish")
	require.NoError(t, r.Stop())
}

func TestNeverAnswers(t *testing.T) {
	p := fake("mute")
	p.Definition.StartWithin = 300 * time.Millisecond
	_, err := p.Start(t.Context())
	require.ErrorContains(t, err, "fake did not answer CONNECT at 127.0.0.1:")
	require.ErrorContains(t, err, "within 300ms")
}

func TestRefusesAnonymousClients(t *testing.T) {
	_, err := fake("strict").Start(t.Context())
	require.ErrorContains(t, err, "it refuses an anonymous Client: return code 5")
}

func TestStartIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := fake("mute").Start(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestProgramThatCannotRun(t *testing.T) {
	p := fake("willing")
	p.Binary = t.TempDir()
	_, err := p.Start(t.Context())
	require.ErrorContains(t, err, p.Binary)
}

func TestStubbornIsKilled(t *testing.T) {
	p := fake("stubborn")
	p.Definition.StopWithin = 50 * time.Millisecond
	r, err := p.Start(t.Context())
	require.NoError(t, err)
	conn := dial(t, r.Target.URI)
	require.ErrorContains(t, r.Stop(), "fake did not end within 50ms of being asked to, and was killed")
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err)
}

func TestTailKeepsTheEnd(t *testing.T) {
	var kept tail
	require.Empty(t, kept.quote())
	for range 1000 {
		_, err := io.WriteString(&kept, "a line of something\n")
		require.NoError(t, err)
	}
	_, err := io.WriteString(&kept, "the last one\n")
	require.NoError(t, err)
	require.LessOrEqual(t, len(kept.kept), tailSize)
	require.True(t, strings.HasPrefix(kept.quote(), "; it said:\n\ta line"), kept.quote())
	require.True(t, strings.HasSuffix(kept.quote(), "something\n\tthe last one"), kept.quote())
}
