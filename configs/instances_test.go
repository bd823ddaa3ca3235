package configs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// folder writes files into a working directory of the test.
func folder(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
}

func inputs(t *testing.T, environ []string, args ...string) Inputs {
	t.Helper()
	in := Inputs{Environ: environ, Flags: pflag.NewFlagSet("", pflag.ContinueOnError)}
	AddFlags(in.Flags)
	require.NoError(t, in.Flags.Parse(args))
	return in
}

// allLines are the problems of err, a line each.
func allLines(t *testing.T, err error) []string {
	t.Helper()
	var problems Problems
	require.ErrorAs(t, err, &problems)
	var lines []string
	for _, p := range problems {
		lines = append(lines, p.Error())
	}
	return lines
}

// Without files and with one, LoadAll is Load.
func TestLoadAllOfOne(t *testing.T) {
	folder(t, map[string]string{"a.yaml": "name: a\n"})
	all, err := LoadAll(nil, inputs(t, []string{"TROUPE_NAME=b"}))
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, "b", all[0].Config.Name)
	require.Empty(t, all[0].File)

	all, err = LoadAll([]string{"a.yaml"}, inputs(t, []string{"TROUPE_DATA_DIR=here"}, "--listen", "127.0.0.1:0"))
	require.NoError(t, err)
	want := Defaults()
	want.Name, want.DataDir, want.Listeners[0].Address = "a", "here", "127.0.0.1:0"
	require.Equal(t, want, all[0].Config)
	require.Equal(t, "a.yaml:1", all[0].Sources["name"].String())
	require.Equal(t, "env TROUPE_DATA_DIR", all[0].Sources["data_dir"].String())
}

// Each file with -c is what it is alone; variables and flags lie over all of them.
func TestLoadAllOfFiles(t *testing.T) {
	folder(t, map[string]string{
		"a.yaml": "name: a\ndata_dir: a\nlisteners: [{name: tcp, address: 127.0.0.1:1}]\nlog: {level: warn}\n",
		"b.toml": "name = 'b'\ndata_dir = 'b'\n",
	})
	files := []string{"a.yaml", "b.toml"}
	all, err := LoadAll(files, inputs(t, []string{"TROUPE_LIMITS_TOPIC_LEVELS=7"}, "--log-level=error"))
	require.NoError(t, err)
	require.Len(t, all, 2)
	for i, name := range []string{"a", "b"} {
		require.Equal(t, name, all[i].Config.Name)
		require.Equal(t, files[i], all[i].File)
		require.Equal(t, 7, all[i].Config.Limits.TopicLevels)
		require.Equal(t, LogError, all[i].Config.Log.Level)
	}
	require.Equal(t, Defaults().Listeners, all[1].Config.Listeners)
	require.Equal(t, "b.toml:2", all[1].Sources["data_dir"].String())
}

// What only one instance can have is refused in the environment and as a flag.
func TestInputsOfOneInstance(t *testing.T) {
	folder(t, map[string]string{
		"a.yaml": "name: a\ndata_dir: a\nlisteners: []\n", "b.yaml": "name: b\ndata_dir: b\nlisteners: []\n",
		"all.yaml": "instances:\n- {name: c, listeners: []}\n",
	})
	in := inputs(t, []string{"TROUPE_NAME=x", "TROUPE_LISTENERS_0_ADDRESS=:1", "TROUPE_BRIDGES_0_PASSWORD=p", "TROUPE_METRICS_ADDRESS=:3"}, "--listen", ":2", "--data-dir", "d")
	for _, files := range [][]string{{"a.yaml", "b.yaml"}, {"all.yaml"}} {
		_, err := LoadAll(files, in)
		require.Equal(t, []string{
			"env TROUPE_BRIDGES_0_PASSWORD: bridges[0].password is that of one instance, and there are several; write it in their files",
			"env TROUPE_LISTENERS_0_ADDRESS: listeners[0].address is that of one instance, and there are several; write it in their files",
			"env TROUPE_METRICS_ADDRESS: metrics.address is that of one instance, and there are several; write it in their files",
			"env TROUPE_NAME: name is that of one instance, and there are several; write it in their files",
			"flag --data-dir: data_dir is that of one instance, and there are several; write it in their files",
			"flag --listen: listeners is that of one instance, and there are several; write it in their files",
		}, allLines(t, err))
	}
}

const plant = `# three of them
data_dir: data
limits: {topic_levels: 9}
instances:
  - name: lines
    listeners: [{name: tcp, address: 127.0.0.1:1}]
    limits:
      max_inflight: 5
  - config: sub/office.toml
    durability: memory
  - name: inner
    data_dir: elsewhere
    listeners: []
`

const office = `name = 'office'
durability = 'process'
[limits]
topic_levels = 8
[[listeners]]
name = 'tcp'
address = '127.0.0.1:2'
`

// The keys beside the list are the defaults of all, and a directory of that name
// holds one for each.
func TestListOfInstances(t *testing.T) {
	folder(t, map[string]string{"etc/all.yaml": plant, "etc/sub/office.toml": office})
	all, err := LoadAll([]string{"etc/all.yaml"}, inputs(t, nil))
	require.NoError(t, err)
	require.Len(t, all, 3)
	lines, office, inner := all[0], all[1], all[2]
	require.Equal(t, "lines", lines.Config.Name)
	require.Equal(t, filepath.Join("data", "lines"), lines.Config.DataDir)
	require.Equal(t, 9, lines.Config.Limits.TopicLevels)
	require.Equal(t, 5, lines.Config.Limits.MaxInflight)
	require.Equal(t, "instances[0]", lines.Entry)
	require.Equal(t, "etc/all.yaml", lines.File)

	require.Equal(t, "office", office.Config.Name)
	require.Equal(t, filepath.Join("data", "office"), office.Config.DataDir)
	require.Equal(t, 8, office.Config.Limits.TopicLevels)
	require.Equal(t, DurabilityMemory, office.Config.Durability, "what is beside the name of the file lies over it")
	require.Equal(t, "127.0.0.1:2", office.Config.Listeners[0].Address)

	require.Equal(t, "elsewhere", inner.Config.DataDir)
	require.Empty(t, inner.Config.Listeners)

	for key, want := range map[string]string{
		"name": "etc/all.yaml:5", "limits.max_inflight": "etc/all.yaml:8", "limits.topic_levels": "etc/all.yaml:3",
		"data_dir": "etc/all.yaml:2", "listeners[0].address": "etc/all.yaml:6", "durability": "default",
	} {
		require.Equal(t, want, lines.Sources[key].String(), key)
	}
	for key, want := range map[string]string{
		"name": filepath.Join("etc", "sub", "office.toml") + ":1", "durability": "etc/all.yaml:10", "limits.topic_levels": filepath.Join("etc", "sub", "office.toml") + ":4",
		"listeners[0].address": filepath.Join("etc", "sub", "office.toml") + ":7",
	} {
		require.Equal(t, want, office.Sources[key].String(), key)
	}
}

// The same list in the other languages.
func TestListInOtherLanguages(t *testing.T) {
	folder(t, map[string]string{
		"all.toml": "data_dir = ''\n[[instances]]\nname = 'a'\n[[instances.listeners]]\nname = 'tcp'\naddress = '127.0.0.1:1'\n[[instances]]\nname = 'b'\nlisteners = []\n",
		"all.json": "{\"data_dir\": \"\", \"instances\": [\n{\"name\": \"a\", \"listeners\": [{\"name\": \"tcp\",\n\n\n \"address\": \"127.0.0.1:1\"}]},\n{\"name\": \"b\", \"listeners\": []}]}",
	})
	for _, file := range []string{"all.toml", "all.json"} {
		all, err := LoadAll([]string{file}, inputs(t, nil))
		require.NoError(t, err, file)
		require.Len(t, all, 2)
		require.Equal(t, "b", all[1].Config.Name)
		require.Empty(t, all[1].Config.DataDir)
		if file == "all.toml" {
			require.Equal(t, "all.toml:6", all[0].Sources["listeners[0].address"].String())
		} else {
			require.Equal(t, "all.json:5", all[0].Sources["listeners[0].address"].String())
		}
	}
}

// All that is wrong with any of them is said at once, each under its key in the
// file and with its place.
func TestWrongInstances(t *testing.T) {
	for text, want := range map[string][]string{
		"instances: []":    {"all.yaml:1: instances: the list is empty; write at least one entry; each is a whole configuration, or names its file with config"},
		"instances: {a: }": {"all.yaml:1: instances: a section is not a list with at least one entry; each is a whole configuration, or names its file with config"},
		"instances: [5, {name: a, listeners: []}]": {"all.yaml:1: instances[0]: 5 is not an entry; it is a whole configuration, or names its file with config"},
		"listeners: []\ninstances: [{name: a, listeners: []}]\n": {
			"all.yaml:1: listeners: is beside instances, and no two can share it; write it in the entries",
		},
		"name: x\nlisteners: []\ninstances:\n- {}\n": {
			"all.yaml:1: name: is beside instances, and no two can share it; write it in the entries",
			"all.yaml:2: listeners: is beside instances, and no two can share it; write it in the entries",
			"all.yaml:4: instances[0].name: missing; each instance needs a name of its own",
			"all.yaml:4: instances[0].listeners: missing; write where Clients of this instance connect, or [] if only bridges of other instances do",
		},
		"metrics: {address: ':1'}\ninstances:\n- {name: a, listeners: []}\n- {name: b, listeners: [], metrics: {address: ':2'}}\n": {
			"all.yaml:1: metrics.address: is beside instances, and no two can share it; write it in the entries",
		},
		"metrics: {address: ''}\ninstances:\n- {name: a, listeners: [], metrics: {address: ':1'}}\n- {name: b, listeners: [], metrics: {address: 'x:1'}}\n": {
			"all.yaml:4: instances[1].metrics.address: x:1 is taken by :1, the metrics of instance a (all.yaml:3: instances[0].metrics.address)",
		},
		"sys: 5\nlimits: {max_inflight: 0}\ninstances:\n- {name: a, listeners: []}\n- name: b\n  listeners: []\n  limts: {}\n  limits:\n    receive_maximum: x\n    topic_levels: -1\n": {
			"all.yaml:1: sys: 5 is not a section; it holds interval",
			"all.yaml:2: limits.max_inflight: 0 is not allowed; allowed: 1 to 65535",
			"all.yaml:7: instances[1].limts: unknown key; did you mean limits?",
			`all.yaml:9: instances[1].limits.receive_maximum: "x" is not a whole number`,
			"all.yaml:10: instances[1].limits.topic_levels: -1 is not allowed; allowed: 0 to 65535",
		},
		"instances:\n- {config: none.yaml, name: a}\n- {config: list.yaml}\n- {config: 5}\n- {name: '..', listeners: []}\n": {
			"none.yaml: cannot be read: no such file or directory",
			"list.yaml:1: instances: is not allowed in a file that an entry of instances names; such a file holds one instance",
			"all.yaml:4: instances[2].config: 5 is not the path of a file",
			"all.yaml:5: instances[3].data_dir: missing; a directory cannot have the name of the instance",
		},
		"instances: [{name: a, listeners: [], instances: []}]": {
			"all.yaml:1: instances[0].instances: is not allowed in an entry of instances; write it at the top of a file",
		},
		"instances:\n- {name: a, listeners: [{name: x, address: '0.0.0.0:5'}]}": {
			"all.yaml:2: instances[0].listeners[0].allow_anonymous: false lets nobody in at 0.0.0.0:5",
		},
	} {
		folder(t, map[string]string{"all.yaml": text, "list.yaml": "instances: [{}]\n"})
		_, err := LoadAll([]string{"all.yaml"}, inputs(t, nil))
		got := allLines(t, err)
		require.Len(t, got, len(want), "%q: %q", text, got)
		for i := range want {
			require.True(t, strings.HasPrefix(got[i], want[i]), "%q: %q is not %q", text, got[i], want[i])
		}
	}
}

func TestOneOfSeveralFilesCannotBeRead(t *testing.T) {
	folder(t, map[string]string{"a.yaml": "nmae: a\n", "b.yaml": "[", "d.yaml": "name: d\n"})
	_, err := LoadAll([]string{"a.yaml", "b.yaml", "c.yaml", "d.yaml"}, inputs(t, []string{"TROUPE_LOG_LEVEL=loud"}))
	got := strings.Join(allLines(t, err), "\n")
	require.Contains(t, got, "a.yaml:1: nmae: unknown key; did you mean name?")
	require.Contains(t, got, "b.yaml:1: ")
	require.Contains(t, got, "c.yaml: cannot be read: ")
	require.Equal(t, 1, strings.Count(got, "env TROUPE_LOG_LEVEL: "), got)
}

// A command for one instance does not take the first of a list.
func TestLoadRefusesAList(t *testing.T) {
	_, _, err := load(t, "c.yaml", "name: x\ninstances:\n- {}\n", nil)
	require.EqualError(t, err, "c.yaml:2: instances: several instances are not allowed here; name a file that holds one")
}

// Again finds the same instance in what the file says now.
func TestAgain(t *testing.T) {
	folder(t, map[string]string{"etc/all.yaml": plant, "etc/sub/office.toml": office, "one.yaml": "name: one\n"})
	in := inputs(t, []string{"TROUPE_LIMITS_RECEIVE_MAXIMUM=3"})
	all, err := LoadAll([]string{"etc/all.yaml"}, in)
	require.NoError(t, err)
	for _, i := range all {
		again, err := i.Again(in)
		require.NoError(t, err)
		require.Equal(t, i, again)
	}
	write := func(name, text string) { require.NoError(t, os.WriteFile(name, []byte(text), 0o600)) }
	// Another is wrong, the order another.
	write("etc/all.yaml", "instances:\n- {name: new}\n- {config: sub/office.toml, sys: {interval: 5m}}\n")
	again, err := all[1].Again(in)
	require.NoError(t, err)
	require.Equal(t, "instances[1]", again.Entry)
	require.Equal(t, "5m", again.Config.Sys.Interval.String())
	require.Equal(t, 3, again.Config.Limits.ReceiveMaximum)
	_, err = all[0].Again(in)
	require.EqualError(t, err, "etc/all.yaml: instances: holds no instance named lines any more")
	write("etc/all.yaml", "instances:\n- {nmae: lines, listeners: []}\n- {config: sub/office.toml}\n")
	_, err = all[0].Again(in)
	require.ErrorContains(t, err, "etc/all.yaml:2: instances[0].nmae: unknown key; did you mean name?")
	write("etc/all.yaml", "name: lines\n")
	_, err = all[0].Again(in)
	require.EqualError(t, err, "etc/all.yaml: instances: holds no instance named lines any more")
	write("etc/all.yaml", "[")
	_, err = all[0].Again(in)
	require.ErrorContains(t, err, "etc/all.yaml:1: ")

	one, err := LoadAll([]string{"one.yaml"}, in)
	require.NoError(t, err)
	write("one.yaml", "name: other\nsys: {interval: 1h}\n")
	again, err = one[0].Again(in)
	require.NoError(t, err)
	require.Equal(t, "other", again.Config.Name)
	write("one.yaml", plant)
	_, err = one[0].Again(in)
	require.ErrorContains(t, err, "holds a list of instances now, and held one")
	none, err := LoadAll(nil, in)
	require.NoError(t, err)
	again, err = none[0].Again(in)
	require.NoError(t, err)
	require.Equal(t, none[0], again)
}

// What is printed of several is read again as the same.
func TestPrintOfInstances(t *testing.T) {
	folder(t, map[string]string{"etc/all.yaml": plant, "etc/sub/office.toml": office})
	all, err := LoadAll([]string{"etc/all.yaml"}, inputs(t, nil))
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, WriteAllYAML(&text, all))
	require.Contains(t, text.String(), "- name: office # "+filepath.Join("etc", "sub", "office.toml")+":1\n")
	require.NoError(t, os.WriteFile("again.yaml", []byte(text.String()), 0o600))
	again, err := LoadAll([]string{"again.yaml"}, inputs(t, nil))
	require.NoError(t, err)
	require.Len(t, again, len(all))
	for i := range all {
		_, restart := Changes(all[i].Config, again[i].Config)
		require.Empty(t, restart)
	}
	text.Reset()
	require.NoError(t, WriteAllJSON(&text, all))
	require.Contains(t, text.String(), `"name": "etc/all.yaml:5"`)
}

// What was said for the first instance is not said for one that joins it.
func TestLoadMore(t *testing.T) {
	folder(t, map[string]string{"b.yaml": "name: b\n"})
	in := inputs(t, []string{"TROUPE_NAME=x", "TROUPE_LIMITS_TOPIC_LEVELS=7", "TROUPE_METRICS_ADDRESS=:3"}, "--listen", ":2", "--data-dir", "d", "--log-level=warn")
	all, err := LoadMore([]string{"b.yaml"}, in)
	require.NoError(t, err)
	want := Defaults()
	want.Name, want.Limits.TopicLevels, want.Log.Level = "b", 7, LogWarn
	require.Equal(t, want, all[0].Config)
	again, err := all[0].Again(in)
	require.NoError(t, err)
	require.Equal(t, all[0], again)
}
