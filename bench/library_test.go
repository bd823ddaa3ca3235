package bench

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWorkloadsAreWhole(t *testing.T) {
	files, err := fs.Glob(library, "workloads/*.yaml")
	require.NoError(t, err)
	require.Len(t, Workloads(), len(files))
	for _, file := range files {
		text, err := library.ReadFile(file)
		require.NoError(t, err)
		w, err := decode(file, text)
		require.NoError(t, err)
		require.Equal(t, filepath.Base(file), w.Name+".yaml")
		require.NotEmpty(t, w.Title)
		again, err := LoadWorkload(w.Name)
		require.NoError(t, err)
		require.Equal(t, w, again)
	}
}

// The tables of docs/performance.md have them all.
func TestWorkloadsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/performance.md")
	require.NoError(t, err)
	rows := make(map[string]bool)
	for line := range strings.Lines(string(page)) {
		if cells := strings.Split(line, "|"); len(cells) > 4 {
			for name := range strings.SplitSeq(cells[1], ",") {
				rows[strings.TrimSpace(name)] = true
			}
		}
	}
	for _, w := range Workloads() {
		require.True(t, rows[w.Name], "workload %s is in no table", w.Name)
	}
}

func TestWorkloadErrors(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct{ text, want string }{
		{"", "the file is empty"},
		{"name: x\nkind: messages\nspeed: 3\n", `w.yaml: line 3: unknown key "speed" of a workload`},
		{"name: x\nkind: messages\nduration: 1s\ntraffic:\n  - publisher: 1\n", `line 5: unknown key "publisher" of a traffic`},
		{"name: x\nkind: messages\nduration: soon\n", "line 3: cannot unmarshal"},
		{"name: x\nkind: [\n", "line 2: did not find"},
		{"name: x\nkind: dance\n", `w.yaml: workload x: kind: "dance" is none of messages, connects`},
		{"name: x\nkind: messages\nduration: 1s\n", "traffic: is for kind messages, which needs at least one"},
		{"name: x\nkind: idle\n", "connections: 0; kind idle needs at least 1"},
		{"name: x\nkind: acknowledged\nconnections: 1\nduration: 1s\n", "window: 0; kind acknowledged needs at least 1"},
		{"name: x\nkind: acknowledged\nconnections: 1\nduration: 1s\nwindow: 65536\n", "window: 65536; Packet Identifiers allow 65535"},
		{"name: x\nkind: idle\nconnections: 1\nwindow: 3\n", "window: has no meaning for kind idle"},
		{"name: x\nkind: idle\nconnections: 3\nsubscriptions: 4\n", "subscriptions: 4; at most one for each of 3 connections"},
		{"name: x\nkind: idle\nconnections: 3\nduration: 1s\n", "duration and warm_up: have no meaning for kind idle"},
		{"---\nname: x\nkind: idle\nconnections: 1\n---\nname: y\n", "more than one document"},
	} {
		path := filepath.Join(dir, "w.yaml")
		require.NoError(t, os.WriteFile(path, []byte(test.text), 0o600))
		_, err := LoadWorkload(path)
		require.ErrorContains(t, err, test.want)
		require.ErrorContains(t, err, path)
	}
	_, err := LoadWorkload("AAA")
	require.ErrorContains(t, err, `workload "AAA" is not known; there are A, A5, AQ, B,`)
	_, err = LoadWorkload(filepath.Join(dir, "nowhere.yaml"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestTrafficErrors(t *testing.T) {
	good := Traffic{Publishers: 4, Subscribers: 2, Payload: 128, Loop: Closed, Window: 10}
	require.NoError(t, Workload{Name: "x", Kind: Messages, Duration: 1, Traffic: []Traffic{good}}.Validate())
	for want, change := range map[string]func(*Traffic){
		"traffic[0].name: \"a/b\": '/' does not go": func(t *Traffic) { t.Name = "a/b" },
		"traffic[0].publishers: 0; at least 1":      func(t *Traffic) { t.Publishers = 0 },
		"traffic[0].publish_qos: 3; 0, 1 or 2":      func(t *Traffic) { t.PublishQoS = 3 },
		"subscribe_version: 3; 4 (MQTT 3.1.1) or 5": func(t *Traffic) { t.SubscribeVersion = 3 },
		"window: 0; a closed loop needs":            func(t *Traffic) { t.Window = 0 },
		"rate: has no meaning in a closed loop":     func(t *Traffic) { t.Rate = 1 },
		"rate: 0; an open loop needs":               func(t *Traffic) { t.Loop, t.Window = Open, 0 },
		"payload: 23; an open loop needs 24 bytes":  func(t *Traffic) { t.Loop, t.Window, t.Rate, t.Payload = Open, 0, 1, 23 },
		`loop: "round" is neither closed nor open`:  func(t *Traffic) { t.Loop = "round" },
		"topics: 4 publishers with 3 each are more": func(t *Traffic) { t.Filters, t.Topics = 5, 3 },
		"made ready before, would take 7629 MiB":    func(t *Traffic) { t.Topics, t.Payload = 2000, 1_000_000-64 },
	} {
		bad := good
		change(&bad)
		require.ErrorContains(t, Workload{Name: "x", Kind: Messages, Duration: 1, Traffic: []Traffic{bad}}.Validate(), want)
	}
	err := Workload{Name: "x", Kind: Messages, Duration: 1, Traffic: []Traffic{good, good}}.Validate()
	require.ErrorContains(t, err, `traffic[1].name: "bench" is there twice`)
}
