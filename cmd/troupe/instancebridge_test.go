package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Instances of the binary hand on to one another without a socket: one that lets
// in nobody whom it does not know, and that is stopped and started meanwhile.
func TestBridgeInsideOfTheBinary(t *testing.T) {
	dir := place(t)
	r := work(t, dir, []byte("secret\n"), "passwd", "set", "--file", "users", "machines")
	require.Equal(t, exitDone, r.code, r.stderr)
	s := serveSeveral(t, dir, map[string]string{
		"machines.yaml": `{name: machines, data_dir: machines, durability: process, listeners: [{name: tcp, address: "127.0.0.1:0"}],
  bridges: [{name: up, upstreams: ["instance://machines:secret@archive"], forward: [{local: "#"}], backoff: {maximum: 500ms}}]}`,
		"archive.yaml": `{name: archive, data_dir: archive, durability: process, auth: {password_file: users},
  listeners: [{name: tcp, address: "127.0.0.1:0", allow_anonymous: true}]}`,
	}, "-c", "machines.yaml", "-c", "archive.yaml")
	s.says(`"instance":"machines"`, `"message":"connected"`, `"upstream":"instance://archive"`)
	s.says(`"instance":"archive"`, `"message":"client connected"`, `"listener":"instance"`)
	require.NotContains(t, s.log.String(), "secret")
	sink := paho3(t, s.address("archive"), 4, "sink", kept)
	sink.subscribe("#", 2)
	source := paho3(t, s.address("machines"), 4, "source", nil)
	for qos := range byte(3) {
		source.publish("a/b", qos, false, fmt.Sprint(qos))
		sink.expect(fmt.Sprint(qos))
	}

	ctl := func(args ...string) result {
		t.Helper()
		return work(t, dir, nil, append(append([]string{"ctl"}, args...), "--data-dir", "machines")...)
	}
	require.Equal(t, exitDone, ctl("instance", "stop", "archive").code)
	s.says(`"instance":"machines"`, "archive", `"level":"warn"`, "instance://archive")
	source.publish("a/b", 1, false, "waits")
	require.Equal(t, exitDone, ctl("instance", "start", "archive").code)
	var address string
	require.Eventually(t, func() bool { // the port is another one
		for line := range strings.Lines(s.log.String()) {
			if strings.Contains(line, `"instance":"archive"`) && strings.Contains(line, `"message":"listening"`) {
				address = line[strings.Index(line, "127.0.0.1:"):]
				address = address[:strings.IndexByte(address, '"')]
			}
		}
		return address != "" && address != s.address("archive")
	}, patience, 10*time.Millisecond)
	again := paho3(t, address, 4, "sink", kept)
	require.True(t, again.present)
	again.expect("waits")
}

// A bridge to an instance that starts with it, and later, waits for that.
func TestBridgeWaitsForAnInstanceThatStarts(t *testing.T) {
	dir := place(t)
	s := serveSeveral(t, dir, map[string]string{
		"all.yaml": `{data_dir: d, instances: [
  {name: a, listeners: [], bridges: [{name: up, upstreams: ["instance://b"], forward: [{local: "#"}], backoff: {initial: 1h, maximum: 1h}}]},
  {name: b, listeners: []}]}`,
	}, "-c", "all.yaml")
	s.says(`"instance":"a"`, `"message":"connected"`, `"upstream":"instance://b"`)
	require.NotContains(t, s.log.String(), "cannot connect")
}
