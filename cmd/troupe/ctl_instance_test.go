package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/control"
)

func someInstances(now time.Time) []control.Instance {
	retry, failed := now.Add(7*time.Second), now.Add(-65*time.Second)
	once, often, never := int64(1), int64(30), int64(0)
	return []control.Instance{{
		Name: "edge", State: control.InstanceRunning, Since: now.Add(-90 * time.Second), Restarts: 2, Error: "the disk failed",
		ConfigFile: "/etc/troupe/edge.yaml", DataDir: "/var/lib/troupe/edge", Connections: 12,
		Listeners: []control.InstanceListener{{Name: "tcp", Transport: "tcp", Address: "127.0.0.1:1883"}, {Name: "tls", Transport: "tls", Address: "[::]:8883"}},
		Shares: []control.InstanceShare{
			{Name: "limits.max_connections", Unit: "connections", Used: 12, Limit: 100},
			{Name: "limits.rate.messages_per_second", Unit: "messages/s", Used: 120.4, Limit: 1000, Reached: &once},
			{Name: "persistence.max_disk", Unit: "bytes", Used: 5 << 20, Limit: 1 << 30, Reached: &never},
			{Name: "session.total.max_bytes", Unit: "bytes", Used: 1 << 20},
			{Name: "limits.rate.bytes_per_second", Unit: "bytes/s", Used: 2048, Limit: 4096, Reached: &often},
		},
	}, {
		Name: "plant", State: control.InstanceWaiting, Since: now, RetryAt: &retry, Error: "port taken", ErrorAt: &failed,
		Listeners: []control.InstanceListener{{Name: "tcp", Transport: "tcp"}},
	}}
}

func TestInstancesForPeople(t *testing.T) {
	now := time.Now()
	var out bytes.Buffer
	require.NoError(t, writeInstances(&out, someInstances(now), now))
	require.Equal(t, `edge                               running for 1m30s
  listener tcp                     tcp 127.0.0.1:1883
  listener tls                     tls [::]:8883
  connections                      12
  restarts                         2
  last error                       the disk failed
  limits.max_connections           12 of 100 connections
  limits.rate.messages_per_second  120 of 1000 messages/s, reached 1 time
  persistence.max_disk             5.0 MiB of 1.0 GiB
  limits.rate.bytes_per_second     2.0 KiB/s of 4.0 KiB/s, reached 30 times
  data directory                   /var/lib/troupe/edge
  configuration                    /etc/troupe/edge.yaml

plant           waiting for 0s, again in 7s
  listener tcp  tcp closed
  connections   0
  last error    1m5s ago: port taken
`, out.String())
}

// fleet is some instances that run nothing, and remembers what it was asked.
type fleet struct{ asked chan string }

func (f fleet) List(context.Context) ([]control.Instance, error) {
	return someInstances(time.Now()), nil
}

func (f fleet) note(what, name string) error {
	if name == "none" {
		return control.ErrNoInstance
	}
	f.asked <- what + " " + name
	return nil
}

func (f fleet) Start(_ context.Context, name string) error { return f.note("start", name) }

func (f fleet) Stop(_ context.Context, name string) error { return f.note("stop", name) }

func (f fleet) Reload(_ context.Context, name string) ([]string, error) {
	return []string{"listeners", "name"}, f.note("reload", name)
}

func (f fleet) Remove(_ context.Context, name string) error { return f.note("remove", name) }

func (f fleet) Add(_ context.Context, file string) ([]string, error) {
	if filepath.Base(file) == "wrong.yaml" {
		return nil, errors.New("port 1883 is that of edge")
	}
	return []string{"new", "newer"}, f.note("add", file)
}

// was sees what it was asked next.
func (f fleet) was(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-f.asked:
		require.Equal(t, want, got)
	case <-time.After(patience):
		require.FailNow(t, "not asked: "+want)
	}
}

func TestCtlInstance(t *testing.T) {
	dir := place(t)
	f := fleet{make(chan string, 10)}
	running(t, filepath.Join(dir, "d"), control.Handlers{Name: "edge", Instances: f})
	ctl := func(args ...string) result {
		t.Helper()
		return work(t, dir, nil, append(append([]string{"ctl", "instance"}, args...), "--data-dir", "d")...)
	}
	r := ctl("list", "--json")
	require.Equal(t, exitDone, r.code, r.stderr)
	var got []control.Instance
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &got))
	require.Len(t, got, 2)
	require.Equal(t, "127.0.0.1:1883", got[0].Listeners[0].Address)
	require.Contains(t, ctl("list").stdout, "plant           waiting for ")

	require.Equal(t, result{exitDone, "", ""}, ctl("start", "plant"))
	require.Equal(t, result{exitDone, "", ""}, ctl("stop", "plant"))
	require.Equal(t, result{exitDone, "instance edge is stopping\n", ""}, ctl("stop", "edge"))
	require.Equal(t, result{exitDone, "what has changed here needs a restart of the instance: listeners\n" +
		"the name has changed, which needs a restart of the process: until then the instance is plant\n", ""}, ctl("reload", "plant"))
	require.Equal(t, result{exitDone, "new\nnewer\n", ""}, ctl("add", "more.yaml"))
	for _, want := range []string{"start plant", "stop plant", "stop edge", "reload plant", "add " + filepath.Join(dir, "more.yaml")} {
		f.was(t, want)
	}

	r = ctl("add", "wrong.yaml")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.stderr, "port 1883 is that of edge")
	for _, action := range []string{"start", "stop", "reload", "remove"} {
		r = ctl(action, "none")
		require.Equal(t, exitFailure, r.code)
		require.Contains(t, r.stderr, `there is no instance "none"; there are: edge, plant`)
		r = ctl(action)
		require.Equal(t, result{exitUsage, "", "troupe: name one instance; troupe ctl instance list says which there are\n"}, r)
	}
	r = work(t, dir, nil, "ctl", "instance", "lits")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.stderr, `unknown command "lits"`)
}

// Of a file with several instances any that answers is asked, and rather another
// than the one that it is about.
func TestCtlInstanceOfSeveral(t *testing.T) {
	dir := place(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "all.yaml"), []byte(`instances:
- {name: edge, data_dir: e, listeners: [{name: tcp, address: "127.0.0.1:1883"}]}
- {name: plant, data_dir: p, listeners: [{name: tcp, address: "127.0.0.1:1884"}]}
- {name: away, data_dir: a, listeners: [{name: tcp, address: "127.0.0.1:1885"}]}
`), 0o600))
	r := work(t, dir, nil, "ctl", "instance", "list", "-c", "all.yaml")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.stderr, fmt.Sprintf("none of 3 instances answers: control socket %s: no instance answers there", control.Socket(filepath.Join(dir, "e"))))

	edge, plant := fleet{make(chan string, 10)}, fleet{make(chan string, 10)}
	running(t, filepath.Join(dir, "e"), control.Handlers{Name: "edge", Instances: edge})
	r = work(t, dir, nil, "ctl", "instance", "stop", "edge", "-c", "all.yaml")
	require.Equal(t, result{exitDone, "instance edge is stopping\n", ""}, r)
	edge.was(t, "stop edge")
	running(t, filepath.Join(dir, "p"), control.Handlers{Name: "plant", Instances: plant})
	require.Equal(t, result{exitDone, "", ""}, work(t, dir, nil, "ctl", "instance", "stop", "edge", "-c", "all.yaml"))
	plant.was(t, "stop edge")
	require.Equal(t, result{exitDone, "", ""}, work(t, dir, nil, "ctl", "instance", "start", "plant", "-c", "all.yaml"))
	edge.was(t, "start plant")

	// Others need to know which.
	r = work(t, dir, nil, "ctl", "bridge", "list", "-c", "all.yaml")
	require.Equal(t, result{exitUsage, "", "troupe: all.yaml has several instances; name one with --instance: edge, plant, away\n"}, r)
	r = work(t, dir, nil, "ctl", "bridge", "list", "-c", "all.yaml", "--instance", "egde")
	require.Equal(t, result{exitUsage, "", "troupe: --instance: there is no instance \"egde\" in the configuration; there are: edge, plant, away\n"}, r)
	r = work(t, dir, nil, "ctl", "bridge", "list", "-c", "all.yaml", "--instance", "away")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.stderr, control.Socket(filepath.Join(dir, "a"))+": no instance answers there")
}

func TestCtlBridgeOfOneOfSeveral(t *testing.T) {
	dir := place(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "all.yaml"), []byte(`data_dir: all
instances:
- {name: edge, listeners: []}
- {name: plant, listeners: []}
`), 0o600))
	running(t, filepath.Join(dir, "all", "plant"), control.Handlers{
		Bridges: func(context.Context) ([]control.Bridge, error) {
			return []control.Bridge{{Name: "uplink", State: "paused"}}, nil
		},
	})
	r := work(t, dir, nil, "ctl", "bridge", "list", "-c", "all.yaml", "--instance", "plant")
	require.Equal(t, exitDone, r.code, r.stderr)
	require.Contains(t, r.stdout, "uplink       paused\n")
}

// ctl runs troupe ctl instance in the directory of a process.
func (s *severalInstances) ctl(args ...string) result {
	s.t.Helper()
	return work(s.t.(*testing.T), s.dir, nil, append([]string{"ctl", "instance"}, args...)...)
}

// states are those of the instances, as ctl lists them.
func (s *severalInstances) states(args ...string) map[string]control.InstanceState {
	s.t.Helper()
	r := s.ctl(append([]string{"list", "--json"}, args...)...)
	require.Equal(s.t, exitDone, r.code, r.stderr)
	var all []control.Instance
	require.NoError(s.t, json.Unmarshal([]byte(r.stdout), &all))
	states := make(map[string]control.InstanceState)
	for _, i := range all {
		states[i.Name] = i.State
	}
	return states
}

func TestCtlOfAProcessWithInstances(t *testing.T) {
	const more = "data_dir: more\nlisteners: [{name: tcp, address: '127.0.0.1:0'}]\n"
	s := serveSeveral(t, place(t), map[string]string{
		"all.yaml": plantFile, "more.yaml": "name: d\n" + more, "twice.yaml": "name: a\n" + more, "wrong.yaml": "nmae: e\n",
	}, "-c", "all.yaml")
	b := s.address("b")
	s.says("troupe: c: data directory")
	running, stopped := control.InstanceRunning, control.InstanceStopped
	require.Equal(t, map[string]control.InstanceState{"a": running, "b": running, "c": running}, s.states("-c", "all.yaml"))
	r := s.ctl("list", "-c", "all.yaml")
	require.Regexp(t, `(?m)^b +running for \d+s\n  listener tcp +tcp `+regexp.QuoteMeta(b)+`$`, r.stdout)
	require.Contains(t, r.stdout, filepath.Join(s.dir, "data", "b")+"\n")
	require.Contains(t, r.stdout, filepath.Join(s.dir, "all.yaml")+"\n")

	// One is stopped and started, and the others go on.
	c := paho3(t, s.address("a"), 4, "c", nil)
	c.subscribe("x", 1)
	require.Equal(t, result{exitDone, "", ""}, s.ctl("stop", "b", "-c", "all.yaml"))
	_, err := net.Dial("tcp", b)
	require.Error(t, err)
	require.Equal(t, map[string]control.InstanceState{"a": running, "b": stopped, "c": running}, s.states("-c", "all.yaml"))
	r = s.ctl("stop", "b", "-c", "all.yaml")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.stderr, "stopped")
	c.publish("x", 1, false, "still here")
	c.expect("still here")
	require.Equal(t, result{exitDone, "", ""}, s.ctl("start", "b", "-c", "all.yaml"))
	require.Equal(t, running, s.states("--data-dir", filepath.Join("data", "b"))["b"])

	// One is reloaded: what needs a restart is said, and what is wrong changes nothing.
	write := func(text string) {
		t.Helper()
		require.NoError(t, os.WriteFile(filepath.Join(s.dir, "all.yaml"), []byte(text), 0o600))
	}
	write(strings.Replace(plantFile, "topic_levels: 3", "topic_levels: 4", 1))
	require.Equal(t, result{exitDone, "what has changed here needs a restart of the instance: limits.topic_levels\n", ""}, s.ctl("reload", "b", "-c", "all.yaml"))
	require.Equal(t, result{exitDone, "", ""}, s.ctl("reload", "a", "-c", "all.yaml"))
	write(strings.Replace(plantFile, "topic_levels: 3", "topic_levels: x", 1))
	r = s.ctl("reload", "b", "--data-dir", filepath.Join("data", "b"))
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.stderr, "topic_levels")
	write(plantFile)

	// Others join, unless something is wrong with them.
	require.Equal(t, result{exitDone, "d\n", ""}, s.ctl("add", "more.yaml", "-c", "all.yaml"))
	require.Equal(t, running, s.states("--data-dir", "more")["d"])
	for file, want := range map[string]string{"twice.yaml": "name", "wrong.yaml": "unknown key; did you mean name?", "none.yaml": "none.yaml: cannot be read", "more.yaml": "name"} {
		r = s.ctl("add", file, "-c", "all.yaml")
		require.Equal(t, exitFailure, r.code, file)
		require.Contains(t, r.stderr, want, file)
	}
	r = s.ctl("start", "x", "-c", "all.yaml")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.stderr, `there is no instance "x"; there are: a, b, c, d`)

	// One is removed, once it is stopped, and what it keeps stays.
	r = s.ctl("remove", "c", "-c", "all.yaml")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.stderr, "instance c: it is running; only one that is stopped or has failed can be removed, so stop it first")
	require.Equal(t, result{exitDone, "what instance c keeps is still in " + filepath.Join(s.dir, "data", "c") + "\n" +
		"if it is still in " + filepath.Join(s.dir, "all.yaml") + ", and the process was started with that, the next SIGHUP or start brings it back\n", ""},
		s.ctl("remove", "--stop", "c", "-c", "all.yaml"))
	require.Equal(t, map[string]control.InstanceState{"a": running, "b": running, "d": running}, s.states("-c", "all.yaml"))
	require.DirExists(t, filepath.Join(s.dir, "data", "c"))
	require.Equal(t, result{exitDone, "", ""}, s.ctl("stop", "d", "-c", "all.yaml"))
	require.Equal(t, exitDone, s.ctl("remove", "--stop", "d", "-c", "all.yaml").code)
	require.Equal(t, result{exitDone, "d\n", ""}, s.ctl("add", "more.yaml", "-c", "all.yaml"))

	// The one that is asked answers before it stops, and the process ends with the last.
	for _, name := range []string{"a", "b"} {
		require.Equal(t, result{exitDone, "", ""}, s.ctl("stop", name, "--data-dir", "more"))
	}
	require.Equal(t, map[string]control.InstanceState{"a": stopped, "b": stopped, "d": running}, s.states("--data-dir", "more"))
	r = s.ctl("remove", "--stop", "d", "--data-dir", "more")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.stderr, "instance d is stopping, and not removed")
	require.Equal(t, exitDone, s.exit(t))
}

// Where there can be no socket, a port and a token take its place, for every command.
func TestCtlWithoutSockets(t *testing.T) {
	dir := place(t)
	fillStore(t, filepath.Join(dir, "d"), nil)
	for _, name := range []string{control.SocketName, "control.new"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "d", name, "in the way"), 0o700))
	}
	s := serveSeveral(t, dir, map[string]string{"c.yaml": "name: edge\ndata_dir: d\nlisteners: [{name: tcp, address: '127.0.0.1:0'}]\n"}, "-c", "c.yaml")
	s.says("a port on loopback takes its place")
	s.says("troupe: data directory d")
	require.Equal(t, map[string]control.InstanceState{"edge": control.InstanceRunning}, s.states("-c", "c.yaml"))
	require.Equal(t, exitDone, work(t, dir, nil, "backup", "-c", "c.yaml", "b").code)
	require.Contains(t, work(t, dir, nil, "storage", "-c", "c.yaml").stdout, "edge, running")
	require.Equal(t, result{exitDone, "instance edge is stopping\n", ""}, s.ctl("stop", "edge", "-c", "c.yaml"))
	require.Equal(t, exitDone, s.exit(t))
	require.NoFileExists(t, filepath.Join(dir, "d", "control.json"))
}
