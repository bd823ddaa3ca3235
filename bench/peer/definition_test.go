package peer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestShippedDefinitions(t *testing.T) {
	var names []string
	for _, d := range Definitions() {
		names = append(names, d.Name)
		require.NotEmpty(t, d.Title, d.Name)
		require.NotEmpty(t, d.Obtain, d.Name)
		require.NotEmpty(t, d.Version, d.Name)
		require.Equal(t, d.Name == "null", d.Null, d.Name)
		again, err := Lookup(d.Name)
		require.NoError(t, err)
		require.Equal(t, d, again)
	}
	require.Equal(t, []string{"emqx", "flashmq", "mochi", "mochi-durable", "mochi-unsynced", "mosquitto", "mosquitto-durable", "mosquitto-saved", "nanomq", "null", "troupe", "troupe-disk", "troupe-memory", "troupe-process"}, names)
	_, err := Lookup("fishmq")
	require.EqualError(t, err, `peer: unknown broker "fishmq"; known are emqx, flashmq, mochi, mochi-durable, mochi-unsynced, mosquitto, mosquitto-durable, mosquitto-saved, nanomq, null, troupe, troupe-disk, troupe-memory, troupe-process, and those of a definition file`)
}

// What each broker would be started with, also those that are not installed where the test runs.
func TestDefinitionsRender(t *testing.T) {
	var text strings.Builder
	for _, d := range Definitions() {
		fill := filling{binary: "/bin/" + d.Name, dir: "/tmp/d", config: "/tmp/d/config", port: 1234, files: 20000}
		text.WriteString("== " + d.Name + "\n")
		text.WriteString("$ " + strings.Join(fill.words(d.Version), " ") + "\n")
		text.WriteString("$ " + strings.Join(append(fill.words(d.Environment), fill.words(d.Command)...), " ") + "\n")
		text.WriteString(fill.text(d.Config))
	}
	want, err := os.ReadFile("testdata/rendered.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), text.String(), "if that is meant, change testdata/rendered.txt")
	require.NotRegexp(t, placeholder, text.String())
}

func TestVersionPatterns(t *testing.T) {
	said := map[string][2]string{
		"emqx":      {"######\nREL_VSN=\"5.8.6\"\nERTS_VSN=\"14.2\"\n", "5.8.6"},
		"flashmq":   {"FlashMQ Version 1.26.2 with SSE4.2 support\nCopyright\n", "1.26.2"},
		"mochi":     {"mochi-mqtt v2.7.9\n", "v2.7.9"},
		"mosquitto": {"mosquitto version 2.0.11\n\nmosquitto is an MQTT v5.0 broker.\n", "2.0.11"},
		"nanomq": {"\nUsage: nanomq { start | stop | restart | reload } [--help]\n\n" +
			"NanoMQ Messaging Engine for Edge Computing & Messaging bus v0.25.3-b3aef035\nCopyright\n", "0.25.3-b3aef035"},
		"null":   {"troupe v1.0.0 go1.26.8 linux/amd64\n", "v1.0.0 go1.26.8 linux/amd64"},
		"troupe": {"troupe (devel) go1.26.8 linux/amd64\n", "(devel) go1.26.8 linux/amd64"},
	}
	for _, d := range Definitions() {
		dir := t.TempDir()
		spoken := filepath.Join(dir, "spoken")
		require.NoError(t, os.WriteFile(spoken, []byte(said[program(d)][0]), 0o600))
		d.Version = []string{"cat", "{binary}"}
		version, err := Peer{Definition: d, Binary: spoken}.version(t.Context())
		require.NoError(t, err)
		require.Equal(t, said[program(d)][1], version, d.Name)
	}
}

// program is the name of the one whose configurations have names that begin with it.
func program(d Definition) string {
	name, _, _ := strings.Cut(d.Name, "-")
	return name
}

func TestLoad(t *testing.T) {
	const good = "name: mine\nbinary: [mine]\ncommand: ['{binary}', --port, '{port}']\n"
	load := func(text string) (Definition, error) {
		file := filepath.Join(t.TempDir(), "mine.yaml")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		d, err := Load(file)
		if err != nil {
			require.ErrorContains(t, err, file)
		}
		return d, err
	}
	d, err := load(good + "start_within: 90s\n")
	require.NoError(t, err)
	require.Equal(t, "mine", d.Name)
	require.Equal(t, "1m30s", d.StartWithin.String())

	for text, complaint := range map[string]string{
		"":                            "mine.yaml: is empty",
		"- a\n":                       "mine.yaml:1: must be a mapping",
		good + "---\n" + good:         "must hold one definition",
		good + "comand: [x]\n":        `mine.yaml:4: unknown key "comand"; known are name, title,`,
		good + "name: again\n":        "line 4: mapping key \"name\" already defined at line 1",
		good + "start_within: soon\n": "line 4: cannot unmarshal",
		good + "title: [\n":           "line 4",
		"name: a/b\nbinary: [x]\ncommand: ['{port}']\n":         `mine.yaml:1: name: is "a/b"`,
		"name: x\nbinary: [x]\ncommand: ['{prot}', '{port}']\n": `mine.yaml:3: command: "{prot}" has {prot}; known are {binary}, {config}`,
		"name: x\nbinary: [x]\ncommand: [x]\n":                  "{port} appears neither in command",
		"name: x\n":                                             "command: must name the command",
		good + "config: port {port}\n":                          "mine.yaml:4: config: {config} appears neither",
		good + "environment: [oops]\n":                          `mine.yaml:4: environment: "oops" must have the form KEY=value`,
		good + "version: [x]\nversion_pattern: x\n":             `mine.yaml:5: version_pattern: "x" must have a group`,
		good + "version_pattern: '('\n":                         "mine.yaml:4: version_pattern: error parsing regexp",
		good + "start_within: -1s\n":                            "mine.yaml:4: start_within: is -1s",
	} {
		_, err := load(text)
		require.ErrorContains(t, err, complaint, text)
	}
	_, err = Load(filepath.Join(t.TempDir(), "none.yaml"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
