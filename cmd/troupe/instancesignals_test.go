//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/control"
	"github.com/troupemq/troupe/protocol/packet"
)

// A signal ends all of them, each with a good-bye.
func TestSignalEndsAll(t *testing.T) {
	s := serveSeveral(t, place(t), map[string]string{"all.yaml": "shutdown: {grace_period: 1h}\n" + plantFile}, "-c", "all.yaml")
	var clients []*peer
	for _, name := range []string{"a", "b", "c"} {
		clients = append(clients, enter(t, s.address(name), packet.V5, "c"))
	}
	s.signal(t, syscall.SIGTERM)
	for _, c := range clients {
		c.expectDisconnect(packet.ServerShuttingDown)
	}
	require.Equal(t, exitDone, s.exit(t), s.log)
	require.NoFileExists(t, filepath.Join(s.dir, "data", "a", "OWNER"))
}

func TestSecondSignalEndsAllAtOnce(t *testing.T) {
	s := serveSeveral(t, place(t), map[string]string{"all.yaml": "shutdown: {grace_period: 1h}\n" + plantFile}, "-c", "all.yaml")
	s.address("a")
	p := slow(t, s.address("b"), 2)
	s.says("troupe: c: data directory") // all have started
	s.insist(t, syscall.SIGTERM)
	require.Equal(t, exitCut, s.exit(t), s.log)
	p.expectPublish()
	require.Contains(t, s.log.String(), "troupe: ended at once by a second signal")
}

// SIGHUP reloads each alone: what is wrong with one changes nothing there, and
// what is new is started.
func TestHangupReloadsSeveral(t *testing.T) {
	upstream := serveProcess(t, "data_dir: ''")
	there := enter(t, upstream.address, packet.V311, "there")
	there.subscribe("out/#", packet.SubscriptionOptions{QoS: packet.QoS1})
	dir := place(t)
	s := serveSeveral(t, dir, map[string]string{
		"a.yaml":   "name: a\nlisteners: [{name: tcp, address: '127.0.0.1:0'}]\n",
		"b.yaml":   "name: b\nlisteners: [{name: tcp, address: '127.0.0.1:0'}]\n",
		"all.yaml": "data_dir: ''\ninstances: [{config: a.yaml}, {config: b.yaml}]\n",
	}, "-c", "all.yaml")
	here := enter(t, s.address("a"), packet.V311, "here")
	other := enter(t, s.address("b"), packet.V311, "other")
	hangup := func(files map[string]string, wait ...string) {
		t.Helper()
		for name, text := range files {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		}
		require.NoError(t, s.command.Process.Signal(syscall.SIGHUP))
		s.says(wait...)
	}
	hangup(map[string]string{
		"a.yaml": "name: a\nlisteners: [{name: tcp, address: '127.0.0.1:0'}]\nbridges: [{name: up, upstreams: ['mqtt://" + upstream.address + "'], forward: [{local: out/#}]}]\n",
		"b.yaml": "nmae: b\n",
	}, `"message":"reloaded"`, `"instance":"a"`)
	s.says("the configuration was not reloaded, all stays as it is", `"instance":"b"`, "did you mean name?")
	here.sendPackets(&packet.Publish{QoS: packet.QoS1, PacketID: 1, Topic: []byte("out/a"), Payload: []byte("one")})
	here.expect(packet.TypePuback)
	require.Contains(t, string(there.expect(packet.TypePublish)), "one")
	other.sendPackets(&packet.Pingreq{})
	other.expect(packet.TypePingresp)

	hangup(map[string]string{
		"b.yaml":   "name: b\nlisteners: [{name: tcp, address: '127.0.0.1:0'}]\nlimits: {topic_levels: 9}\n",
		"all.yaml": "data_dir: ''\ninstances: [{config: b.yaml}, {name: new, listeners: [{name: tcp, address: '127.0.0.1:0'}]}]\n",
	}, "a new instance was started", `"instance":"new"`)
	s.says("what has changed needs a restart", `"instance":"b"`, `"keys":["limits.topic_levels"]`)
	s.says("the configuration was not reloaded, all stays as it is", `"instance":"a"`, "holds no instance named a any more")
	enter(t, s.address("new"), packet.V311, "c")
	here.sendPackets(&packet.Pingreq{})
	here.expect(packet.TypePingresp)
}

// flood publishes Retained Messages until the connection is lost or enough are
// there to make the store begin another file.
func flood(t *testing.T, address string) {
	t.Helper()
	p := enter(t, address, packet.V311, "filler")
	payload := []byte(strings.Repeat("x", 60_000))
	for range 200 {
		p.send((&packet.Publish{Retain: true, QoS: packet.QoS1, PacketID: 1, Topic: []byte("fill"), Payload: payload}).Append(nil, packet.V311))
		if frame, err := p.next(); err != nil || packet.Type(frame[0]>>4) != packet.TypePuback {
			return
		}
	}
}

// An instance whose data directory is taken away dies inside, is started again
// by its policy, and touches nobody else. With stop-all it takes all along.
func TestOneDiesInside(t *testing.T) {
	for _, policy := range []string{"auto", "stop-all"} {
		dir := place(t)
		s := serveSeveral(t, dir, map[string]string{
			"all.yaml": "persistence: {memtable: 1MiB}\nsupervision: {on_failure: " + policy + ", backoff: {initial: 50ms, maximum: 100ms}}\n" + plantFile,
		}, "-c", "all.yaml")
		other := enter(t, s.address("c"), packet.V311, "other")
		other.subscribe("x", packet.SubscriptionOptions{QoS: packet.QoS1})
		victim := s.address("b")
		require.NoError(t, os.Rename(filepath.Join(dir, "data", "b"), filepath.Join(dir, "gone")))
		flood(t, victim)
		if policy == "stop-all" {
			require.Equal(t, exitFailure, s.exit(t))
			require.Regexp(t, `(?m)^troupe: instance b: `, s.log.String())
			other.expectClosed()
			continue
		}
		s.says("the instance failed, and is started again", `"instance":"b"`)
		s.says("the instance runs again", `"instance":"b"`)
		require.DirExists(t, filepath.Join(dir, "data", "b"))
		other.sendPackets(&packet.Publish{Topic: []byte("x"), Payload: []byte("still here")})
		require.Contains(t, string(other.expect(packet.TypePublish)), "still here")
		require.False(t, s.exited())
	}
}

// exited tells whether a process has ended.
func (p *process) exited() bool {
	select {
	case <-p.done:
		return true
	case <-time.After(0):
		return false
	}
}

// Fifty in one process: all start, none hears of another, and all end.
func TestFiftyInstances(t *testing.T) {
	var config strings.Builder
	config.WriteString("data_dir: data\npersistence: {memtable: 1MiB}\nlog: {level: info}\ninstances:\n")
	name := func(i int) string { return fmt.Sprint("i", i) }
	for i := range 50 {
		fmt.Fprintf(&config, "- {name: %s, listeners: [{name: tcp, address: '127.0.0.1:0'}]}\n", name(i))
	}
	s := serveSeveral(t, place(t), map[string]string{"all.yaml": config.String()}, "-c", "all.yaml")
	s.says("troupe: i49: data directory")
	clients := make([]*three, 50)
	for i := range clients {
		clients[i] = paho3(t, s.address(name(i)), 4, "same", kept)
		clients[i].subscribe("#", 1)
	}
	for i, c := range clients {
		c.publish("kept", 1, true, "of "+name(i))
	}
	for i, c := range clients {
		c.expect("of " + name(i))
		c.nothingMore()
		late := paho3(t, s.address(name(i)), 4, "late", nil)
		late.subscribe("kept", 1)
		late.expect("of " + name(i))
	}
	require.NoError(t, s.command.Process.Signal(syscall.SIGTERM))
	require.Equal(t, exitDone, s.exit(t), s.log)
}

// A file that is never read to its end, as of a network that is gone, holds up
// the reload and not the end.
func TestSignalEndsAReloadThatHangs(t *testing.T) {
	dir := place(t)
	s := serveSeveral(t, dir, map[string]string{"all.yaml": plantFile}, "-c", "all.yaml")
	s.says("troupe: c: data directory") // all have started
	file := filepath.Join(dir, "all.yaml")
	require.NoError(t, os.Remove(file))
	require.NoError(t, syscall.Mkfifo(file, 0o600))
	require.NoError(t, s.command.Process.Signal(syscall.SIGHUP))
	writer, err := os.OpenFile(file, os.O_WRONLY, 0) // returns when the broker reads
	require.NoError(t, err)
	defer writer.Close()
	s.signal(t, syscall.SIGTERM)
	require.Equal(t, exitDone, s.exit(t), s.log)
	require.NoFileExists(t, filepath.Join(dir, "data", "a", "OWNER"))
}

// A bridge that another instance refused is let in soon after a reload of that.
func TestHangupLetsInABridgeThatWasRefused(t *testing.T) {
	dir := place(t)
	user := func(name string) {
		r := work(t, dir, []byte("secret\n"), "passwd", "set", "--file", "users", name)
		require.Equal(t, exitDone, r.code, r.stderr)
	}
	user("somebody")
	s := serveSeveral(t, dir, map[string]string{
		"edge.yaml": `{name: edge, data_dir: edge, listeners: [],
  bridges: [{name: up, upstreams: ["instance://edge:secret@hub"], forward: [{local: "#"}], backoff: {initial: 100ms, maximum: 1h}}]}`,
		"hub.yaml": `{name: hub, data_dir: hub, listeners: [], auth: {password_file: users}}`,
	}, "-c", "edge.yaml", "-c", "hub.yaml")
	s.says(`"instance":"edge"`, "CONNECT was refused", "instance://hub")
	user("edge")
	require.NoError(t, s.command.Process.Signal(syscall.SIGHUP))
	s.says(`"instance":"edge"`, `"message":"connected"`, `"upstream":"instance://hub"`)
}

// An instance that was removed by a command and is still in a file comes back
// with SIGHUP, and one whose file has another name for it does not come twice.
func TestHangupBringsBackWhatWasRemoved(t *testing.T) {
	file := func(name string) string {
		return "name: " + name + "\ndata_dir: " + name + "\nlisteners: [{name: tcp, address: '127.0.0.1:0'}]\n"
	}
	s := serveSeveral(t, place(t), map[string]string{"a.yaml": file("a"), "b.yaml": file("b")}, "-c", "a.yaml", "-c", "b.yaml")
	s.says("troupe: b: data directory")
	require.Equal(t, exitDone, s.ctl("remove", "--stop", "b", "-c", "a.yaml").code)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "a.yaml"), []byte(file("x")), 0o600))
	require.NoError(t, s.command.Process.Signal(syscall.SIGHUP))
	s.says("a new instance was started", `"instance":"b"`)
	s.says("the name has changed, which needs a restart of the process")
	require.Equal(t, map[string]control.InstanceState{"a": control.InstanceRunning, "b": control.InstanceRunning}, s.states("--data-dir", "b"))
}
