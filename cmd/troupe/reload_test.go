//go:build unix

package main

import (
	"encoding/json"
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

// SIGHUP brings a bridge up, ctl sees and commands it, and what is wrong with a
// configuration changes nothing.
func TestHangupReloadsBridges(t *testing.T) {
	upstream := serveProcess(t, "data_dir: ''")
	broker := serveProcess(t, "")
	dir := broker.command.Dir
	rewrite := func(text string, wait string) {
		t.Helper()
		said := strings.Count(broker.log.String(), wait)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "c.yaml"), []byte(text), 0o600))
		require.NoError(t, broker.command.Process.Signal(syscall.SIGHUP))
		require.Eventually(t, func() bool { return strings.Count(broker.log.String(), wait) > said }, patience, time.Millisecond, broker.log)
	}
	list := func() (all []control.Bridge) {
		t.Helper()
		r := work(t, dir, nil, "ctl", "bridge", "list", "-c", "c.yaml", "--json")
		require.Equal(t, exitDone, r.code, r.stderr)
		require.NoError(t, json.Unmarshal([]byte(r.stdout), &all))
		return all
	}
	is := func(state string) {
		t.Helper()
		require.Eventually(t, func() bool { all := list(); return len(all) == 1 && all[0].State == state }, patience, 10*time.Millisecond, broker.log)
	}
	require.Empty(t, list())

	bridge := "bridges: [{name: up, upstreams: ['mqtt://" + upstream.address + "'], forward: [{local: out/#}]}]\n"
	rewrite(bridge, `"message":"reloaded"`)
	require.Regexp(t, `"message":"reloaded","instance":"[^"]+"`, broker.log)
	is("connected")
	there := enter(t, upstream.address, packet.V311, "there")
	there.subscribe("out/#", packet.SubscriptionOptions{QoS: packet.QoS1})
	here := enter(t, broker.address, packet.V311, "here")
	publish := func(text string) {
		t.Helper()
		here.sendPackets(&packet.Publish{QoS: packet.QoS1, PacketID: 1, Topic: []byte("out/a"), Payload: []byte(text)})
		here.expect(packet.TypePuback)
	}
	publish("one")
	require.Contains(t, string(there.expect(packet.TypePublish)), "one")

	require.Equal(t, exitDone, work(t, dir, nil, "ctl", "bridge", "pause", "up", "-c", "c.yaml").code)
	is("paused")
	publish("two")
	require.EqualValues(t, 1, list()[0].Queued)
	require.Equal(t, exitDone, work(t, dir, nil, "ctl", "bridge", "resume", "up", "-c", "c.yaml").code)
	require.Contains(t, string(there.expect(packet.TypePublish)), "two")

	rewrite("bridges: [{name: up, upstreams: ['gopher://x']}]\n", "the configuration was not reloaded, all stays as it is")
	require.Contains(t, broker.log.String(), "bridges[0].upstreams[0]")
	rewrite(bridge+"limits: {topic_levels: 9}\n", "what has changed needs a restart")
	require.Contains(t, broker.log.String(), `"keys":["limits.topic_levels"]`)
	publish("three")
	require.Contains(t, string(there.expect(packet.TypePublish)), "three")
	rewrite(bridge+"name: other\n", "the name has changed, which needs a restart of the process")
	require.NotContains(t, broker.log.String(), `"keys":["name"`)
	require.NoError(t, os.Remove(control.Socket(filepath.Join(dir, "troupe-data"))))
	rewrite("", "what commands find the instance by was gone, and is made again")
	rewrite("", `"message":"reloaded"`)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "c.yaml"), nil, 0o600))
	require.Empty(t, list())
}
