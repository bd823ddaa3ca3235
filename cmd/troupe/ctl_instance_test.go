package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/control"
)

func someInstances(now time.Time) []control.Instance {
	retry := now.Add(7 * time.Second)
	return []control.Instance{{
		Name: "edge", State: control.InstanceRunning, Since: now.Add(-90 * time.Second), Restarts: 2, Error: "the disk failed",
		ConfigFile: "/etc/troupe/edge.yaml", DataDir: "/var/lib/troupe/edge", Connections: 12,
		Listeners: []control.InstanceListener{{Name: "tcp", Transport: "tcp", Address: "127.0.0.1:1883"}, {Name: "tls", Transport: "tls", Address: "[::]:8883"}},
		Shares: []control.InstanceShare{
			{Name: "limits.max_connections", Unit: "connections", Used: 12, Limit: 100},
			{Name: "limits.rate.messages_per_second", Unit: "messages/s", Used: 120.4, Limit: 1000, Reached: 1},
			{Name: "persistence.max_disk", Unit: "bytes", Used: 5 << 20},
			{Name: "limits.rate.bytes_per_second", Unit: "bytes/s", Used: 2048, Limit: 4096, Reached: 30},
		},
	}, {
		Name: "plant", State: control.InstanceWaiting, Since: now, RetryAt: &retry, Error: "port taken",
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
  limits.max_connections           12 connections of 100 connections
  limits.rate.messages_per_second  120 messages/s of 1000 messages/s, reached 1 time
  persistence.max_disk             5.0 MiB
  limits.rate.bytes_per_second     2.0 KiB/s of 4.0 KiB/s, reached 30 times
  data directory                   /var/lib/troupe/edge
  configuration                    /etc/troupe/edge.yaml

plant           waiting for 0s, again in 7s
  listener tcp  tcp closed
  connections   0
  last error    port taken
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
	require.Equal(t, result{exitDone, "what has changed here needs a restart of the instance: listeners, name\n", ""}, ctl("reload", "plant"))
	require.Equal(t, result{exitDone, "new\nnewer\n", ""}, ctl("add", "more.yaml"))
	for _, want := range []string{"start plant", "stop plant", "stop edge", "reload plant", "add " + filepath.Join(dir, "more.yaml")} {
		f.was(t, want)
	}

	r = ctl("add", "wrong.yaml")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.stderr, "port 1883 is that of edge")
	for _, action := range []string{"start", "stop", "reload"} {
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
