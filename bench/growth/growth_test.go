package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/bench/internal/broker"
)

// A limit that no store can keep to is seen to be exceeded, and a broker that
// keeps nothing is found out.
func TestGrowthCanFail(t *testing.T) {
	binary, err := broker.Build(context.Background(), t.TempDir())
	require.NoError(t, err)
	short := func(args ...string) (int, string) {
		var out strings.Builder
		args = append([]string{"-binary", binary, "-duration", "1s", "-away", "300ms", "-interval", "200ms", "-memtable", "1MiB", "-topics", "500"}, args...)
		code := execute(args, &out, &out)
		t.Log(out.String())
		return code, out.String()
	}
	code, out := short("-floor", "1", "-multiple", "1")
	require.Equal(t, 1, code)
	require.Contains(t, out, "VIOLATION the directory grew beyond its limit")
	code, out = short()
	require.Equal(t, 2, code)
	require.Contains(t, out, "give it more time")
}

func TestMeasure(t *testing.T) {
	dir := t.TempDir()
	w := &world{settings: settings{topics: 10, payload: 100, floor: 1000, multiple: 3}, data: dir, began: time.Now()}
	each := int64(len("growth/retained/00000") + 100 + extra)
	m, err := w.measure()
	require.NoError(t, err)
	require.Zero(t, m.disk)
	require.Equal(t, 10*each, m.live)
	require.Equal(t, 1000+3*10*each, m.limit)

	require.NoError(t, os.Mkdir(filepath.Join(dir, "below"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "below", "file"), make([]byte, 1<<20), 0o600))
	w.said.Store(5)
	w.sometimes.received.Store(3)
	m, err = w.measure()
	require.NoError(t, err)
	require.InDelta(t, 1<<20, m.disk, 64<<10)
	require.EqualValues(t, 2, m.waiting)
	require.Equal(t, 12*each, m.live)
	require.Equal(t, m, w.worst)

	require.NoError(t, os.Remove(filepath.Join(dir, "below", "file")))
	_, err = w.measure()
	require.NoError(t, err)
	require.Equal(t, m, w.worst, "the worst is kept")
	require.NotEmpty(t, fmt.Sprint(m))
}

func TestFlags(t *testing.T) {
	s, err := parse([]string{"-memtable", "2MiB"}, new(strings.Builder))
	require.NoError(t, err)
	require.EqualValues(t, 12<<20, s.floor)
	s, err = parse([]string{"-floor", "5"}, new(strings.Builder))
	require.NoError(t, err)
	require.EqualValues(t, 5, s.floor)
	for _, args := range [][]string{
		{"-memtable", "2MB"}, {"-memtable", "0MiB"}, {"-memtable", "2MiB more"}, {"-topics", "0"}, {"-payload", "7"}, {"-rate", "0"}, {"-messages", "0"},
		{"-duration", "0"}, {"-away", "0"}, {"-interval", "0"}, {"-multiple", "0"}, {"-floor", "-1"}, {"what"}, {"-what"},
	} {
		var out strings.Builder
		require.Equal(t, 2, execute(args, &out, &out), args)
		require.NotEmpty(t, out.String())
	}
	require.Equal(t, 0, execute([]string{"-help"}, new(strings.Builder), new(strings.Builder)))
}
