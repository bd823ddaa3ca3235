package configs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each conflict names both keys, both places and the other instance.
func TestConflicts(t *testing.T) {
	folder(t, map[string]string{
		"a.yaml": "name: a\ndata_dir: d\n",
		"b.yaml": "name: a\ndata_dir: ./d/\nlisteners: [{name: tcp, address: ':1883', allow_anonymous: true}]\n",
		"all.yaml": `bridges: [{name: up, upstreams: [mqtt://Node1], client_id: me, forward: [{local: '#'}]}]
instances:
- {name: x, listeners: []}
- {name: y, listeners: []}
`,
	})
	_, err := LoadAll([]string{"a.yaml", "b.yaml"}, inputs(t, nil))
	require.Equal(t, []string{
		`b.yaml:1: name: "a" is the name of instance a (a.yaml:1: name)`,
		`b.yaml:2: data_dir: "./d/" is the directory of instance a (a.yaml:2: data_dir)`,
		`b.yaml:3: listeners[0].address: :1883 is taken by 127.0.0.1:1883, listener tcp of instance a (a.yaml: listeners[0].address)`,
	}, allLines(t, err))
	_, err = LoadAll([]string{"all.yaml"}, inputs(t, nil))
	require.Equal(t, []string{
		`all.yaml:1: instances[1].bridges[0].upstreams[0].uri: "mqtt://Node1" is where the bridge would be "me", as is bridge up of instance x (all.yaml:1: instances[0].bridges[0])`,
	}, allLines(t, err))
}

// The address of the metrics is one more port.
func TestConflictsOfMetrics(t *testing.T) {
	folder(t, map[string]string{
		"a.yaml": "name: a\ndata_dir: a\nmetrics: {address: '127.0.0.1:9641'}\n",
		"b.yaml": "name: b\ndata_dir: b\nlisteners: [{name: tcp, address: '127.0.0.1:9641'}]\nmetrics: {address: ':1883'}\n",
		"c.yaml": "name: c\ndata_dir: c\nlisteners: []\nmetrics: {address: 'localhost:9641'}\n",
	})
	_, err := LoadAll([]string{"a.yaml", "b.yaml", "c.yaml"}, inputs(t, nil))
	require.Equal(t, []string{
		`b.yaml:3: listeners[0].address: 127.0.0.1:9641 is taken by 127.0.0.1:9641, the metrics of instance a (a.yaml:3: metrics.address)`,
		`b.yaml:4: metrics.address: :1883 is taken by 127.0.0.1:1883, listener tcp of instance a (a.yaml: listeners[0].address)`,
		`c.yaml:4: metrics.address: localhost:9641 is taken by 127.0.0.1:9641, the metrics of instance a (a.yaml:3: metrics.address)`,
		`c.yaml:4: metrics.address: localhost:9641 is taken by 127.0.0.1:9641, listener tcp of instance b (b.yaml:3: listeners[0].address)`,
	}, allLines(t, err))
}

// Two programs' instances have no places.
func TestConflictsWithoutSources(t *testing.T) {
	found := Conflicts([]Instance{{Config: Defaults()}, {Config: Config{Name: "other", DataDir: Defaults().DataDir + "/x"}}})
	require.Len(t, found, 1)
	require.EqualError(t, found[0], `data_dir: "troupe-data/x" is inside of "troupe-data", the directory of instance troupe`)
}

// The file is named even where the value is a default.
func TestConflictOfDefaults(t *testing.T) {
	folder(t, map[string]string{"a.yaml": "name: a\nlisteners: []\n", "b.yaml": "name: b\nlisteners: []\n"})
	_, err := LoadAll([]string{"a.yaml", "b.yaml"}, inputs(t, nil))
	require.EqualError(t, err, `b.yaml: data_dir: "troupe-data" is the directory of instance a (a.yaml: data_dir)`)
}

func TestDirectoriesThatAreOne(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join("real", "deep"), 0o700))
	require.NoError(t, os.Symlink("real", "link"))
	conflict := func(a, b string) bool {
		return len(Conflicts([]Instance{{Config: Config{Name: "a", DataDir: a}}, {Config: Config{Name: "b", DataDir: b}}})) > 0
	}
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"real", "link", true},
		{"real", filepath.Join(here, "real"), true},
		{"real", "./x/../real", true},
		{"none/x", "none/x/", true},
		{"link/none", "real/none", true},
		{"real", "link/deep", true},
		{"link/deep/er", "real", true},
		{"real", "real2", false},
		{"real/deep", "real/deeper", false},
		{"none/x", "none/y", false},
		{"", "", false},
		{"", "real", false},
		{".", "real", true},
	} {
		require.Equal(t, c.want, conflict(c.a, c.b), "%q, %q", c.a, c.b)
		require.Equal(t, c.want, conflict(c.b, c.a), "%q, %q", c.b, c.a)
	}
}

func TestAddressesThatCollide(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"127.0.0.1:1", "127.0.0.1:1", true},
		{"127.0.0.1:1", "127.0.0.1:2", false},
		{"127.0.0.1:0", "127.0.0.1:0", false},
		{":1", "10.0.0.1:1", true},
		{"0.0.0.0:1", "127.0.0.1:1", true},
		{"[::]:1", "127.0.0.1:1", true},
		{"0.0.0.0:1", "[::1]:1", true},
		{"[::]:1", "0.0.0.0:01", true},
		{"localhost:1", "127.0.0.1:1", true},
		{"localhost:1", "LocalHost:1", true},
		{"localhost:1", "127.0.0.2:1", false},
		{"[::1]:1", "127.0.0.1:1", false},
		{"[::ffff:127.0.0.1]:1", "127.0.0.1:1", true},
		{"broker.example:1", "127.0.0.1:1", false},
		{"broker.example:1", "Broker.example:1", true},
		{"broker.example:1", ":1", true},
		{"nonsense", "nonsense", false},
	} {
		require.Equal(t, c.want, collide(c.a, c.b), "%s, %s", c.a, c.b)
		require.Equal(t, c.want, collide(c.b, c.a), "%s, %s", c.b, c.a)
	}
}

// A bridge to an instance that there is not is allowed, since one may be added.
func TestStrangers(t *testing.T) {
	folder(t, map[string]string{"all.yaml": `data_dir: ''
instances:
- {name: a, listeners: [], bridges: [{name: up, upstreams: [instance://b, "instance://u:p@c"], forward: [{local: '#'}]}]}
- {name: b, listeners: []}
`})
	all, err := LoadAll([]string{"all.yaml"}, inputs(t, nil))
	require.NoError(t, err)
	found := Strangers(all)
	require.Len(t, found, 1)
	require.EqualError(t, found[0], `all.yaml:3: instances[0].bridges[0].upstreams[1].uri: "instance://c" names no instance of this process; the bridge waits for one`)
}
