package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/bench/internal/broker"
	"github.com/troupemq/troupe/bench/peer"
)

// measured runs a measurement against one broker, and returns its figures.
func measured(t *testing.T, what string, d peer.Definition, args ...string) *column {
	m, s, err := parse(append([]string{what, "-patience", "1s", "-dir", t.TempDir()}, args...), t.Output())
	require.NoError(t, err)
	s.peers = []peer.Definition{d}
	tab := new(table)
	require.NoError(t, s.run(t.Context(), m, tab, t.Output()))
	tab.write(t.Output())
	require.Len(t, tab.columns, 1)
	left, err := os.ReadDir(s.scratch)
	require.NoError(t, err)
	require.Empty(t, left, "what was made is removed")
	return tab.columns[0]
}

// What is acknowledged is there after a crash, where that is promised, and a broker that keeps nothing is found out.
func TestLoss(t *testing.T) {
	binary, err := broker.Build(t.Context(), t.TempDir())
	require.NoError(t, err)
	d, err := peer.Lookup("troupe-process")
	require.NoError(t, err)
	c := measured(t, "loss", d.With(binary), "-sessions", "3", "-queued", "600", "-retained", "500")
	require.Equal(t, [3]string{"0", "0", "0"}, lostOf(c))
	require.Contains(t, c.cells["after kill -9, start to CONNACK"], " s")
	require.Contains(t, c.cells["start until the last message came"], " s")

	d.Name = "forgetful"
	for i, word := range d.Command {
		if word == "{dir}/data" {
			d.Command[i] = ""
		}
	}
	c = measured(t, "loss", d.With(binary), "-sessions", "3", "-queued", "600", "-retained", "500")
	require.Equal(t, [3]string{"3", "600", "500"}, lostOf(c))
	require.NotContains(t, c.cells, "start until the last message came")
}

// A hundredth of what is measured, with all its parts.
func TestRestart(t *testing.T) {
	binary, err := broker.Build(t.Context(), t.TempDir())
	require.NoError(t, err)
	d, err := peer.Lookup("troupe-disk")
	require.NoError(t, err)
	c := measured(t, "restart", d.With(binary), "-sessions", "1000", "-queued", "10000", "-retained", "10000", "-settle", "100ms")
	require.Equal(t, [3]string{"0", "0", "0"}, lostOf(c))
	require.Len(t, c.names, 18)
	for _, name := range []string{"directory after stop", "directory after kill -9"} {
		mebibytes, err := strconv.ParseFloat(strings.TrimSuffix(c.cells[name], " MiB"), 64)
		require.NoError(t, err, name)
		require.Greater(t, mebibytes, 2.5, "20,000 payloads of 128 bytes are more than that")
	}
}

func lostOf(c *column) [3]string {
	return [3]string{c.cells["lost sessions"], c.cells["lost queued messages"], c.cells["lost retained messages"]}
}

func TestArguments(t *testing.T) {
	for wrong, says := range map[string]string{
		"":                                      "the first argument says what is to be measured; allowed: loss, restart",
		"speed":                                 "allowed: loss, restart",
		"loss more":                             "an argument that is no flag",
		"loss -payload 23":                      "a number that is too small",
		"loss -sessions 5 -queued 4":            "fewer messages than Sessions",
		"loss -peer nobody":                     `unknown broker "nobody"`,
		"loss -binary troupe":                   `"troupe" is not name=path`,
		"loss -binary mochi=x -peer troupe":     "mochi is none of the brokers to be measured",
		"restart -within 0s":                    "a number that is too small",
		"restart -settle 0s":                    "a number that is too small",
		"restart -sessions 0 -queued 1":         "a number that is too small",
		"restart -peer troupe-disk,troupe-dusk": `unknown broker "troupe-dusk"`,
	} {
		var out strings.Builder
		require.Equal(t, 2, execute(t.Context(), strings.Fields(wrong), &out, &out), wrong)
		require.Contains(t, out.String(), says, wrong)
	}
	var out strings.Builder
	require.Zero(t, execute(t.Context(), []string{"-help"}, &out, &out))
	require.Contains(t, out.String(), "-retained")

	_, s, err := parse([]string{"restart", "-queued", "250007", "-binary", "mochi=./x", "-peer", "troupe-disk,mochi"}, t.Output())
	require.NoError(t, err)
	require.Equal(t, 200_000, s.queued, "as many for each of 100,000")
	require.Equal(t, "troupe-disk", s.peers[0].Name)
	require.True(t, filepath.IsAbs(s.peers[1].Binary[0]))
}

// One that is not there is told, and is no reason not to measure the others.
func TestMissingBroker(t *testing.T) {
	out, file := new(strings.Builder), filepath.Join(t.TempDir(), "loss.md")
	code := execute(t.Context(), []string{"loss", "-peer", "mosquitto", "-binary", "mosquitto=/nowhere/mosquitto", "-markdown", file}, out, out)
	require.Equal(t, 1, code)
	require.Contains(t, out.String(), "mosquitto is missing: no /nowhere/mosquitto")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), "10000 retained messages")
}

// A broker that cannot do what is asked in time ends its own turn alone.
func TestEndsEarly(t *testing.T) {
	binary, err := os.Executable()
	require.NoError(t, err)
	d := peer.Definition{Name: "mute", Binary: []string{binary}, Command: []string{"sh", "-c", "exec sleep 60"}, StartWithin: 200 * time.Millisecond}
	_, s, err := parse([]string{"loss", "-dir", t.TempDir()}, t.Output())
	require.NoError(t, err)
	s.peers = []peer.Definition{d, d}
	tab := new(table)
	err = s.run(t.Context(), measurements()[0], tab, t.Output())
	require.ErrorContains(t, err, "mute did not answer CONNECT")
	require.Len(t, tab.columns, 2)
	require.Contains(t, tab.columns[1].cells["ended early"], "mute did not answer CONNECT")

	stopped, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, s.run(stopped, measurements()[0], new(table), t.Output()), context.Canceled)
}

func TestTable(t *testing.T) {
	tab := &table{title: "loss: a few", notes: []string{"a (1): synced"}, columns: []*column{{broker: "a"}, {broker: "b"}}}
	tab.columns[0].set("lost", "0")
	tab.columns[1].set("lost", "5")
	tab.columns[1].set("lost", "6")
	tab.columns[1].set("ended early", "it said:\na|b")
	require.Equal(t, "loss: a few\n\n- a (1): synced\n\n|  | a | b |\n|---|---:|---:|\n| lost | 0 | 6 |\n| ended early | - | it said: a\\|b |\n", tab.markdown())

	before, now := memory{1000, 400, true}, memory{3000, 1400, true}
	require.Equal(t, "20 B (own 10 B)", now.per(before, 100))
	require.Equal(t, "-", now.per(memory{}, 100), "not told on this system")
	require.Equal(t, "1.0 MiB (own 0.5 MiB)", memory{1 << 20, 1 << 19, true}.show())
	require.Equal(t, "1.0 MiB", memory{resident: 1 << 20}.show())
}
