package peer

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFindTellsTheVersion(t *testing.T) {
	d := fake("willing").Definition
	d.Version = []string{"env", role + "=version", "{binary}"}
	d.VersionPattern = `release (\S+)`
	p, err := d.Find(t.Context(), t.TempDir())
	require.NoError(t, err)
	require.Equal(t, d.Binary[0], p.Binary)
	require.Equal(t, "1.2.3", p.Version)

	d.VersionPattern = `version (\S+)`
	p, err = d.Find(t.Context(), t.TempDir())
	require.NoError(t, err)
	require.Equal(t, "unknown", p.Version)

	d.Version = nil
	p, err = d.Find(t.Context(), t.TempDir())
	require.NoError(t, err)
	require.Equal(t, "unknown", p.Version)
}

func TestMissing(t *testing.T) {
	d := Definition{Name: "fishmq", Binary: []string{"{self}", "fishmq-that-nobody-has", "/none/fishmq"}, Obtain: "catch it"}
	_, err := d.Find(t.Context(), t.TempDir())
	var missing *Missing
	require.ErrorAs(t, err, &missing)
	require.EqualError(t, err, "peer: fishmq is missing: the program that runs is not troupe; no fishmq-that-nobody-has on PATH; "+
		"no /none/fishmq; to get it: catch it")

	_, err = d.With("other-fish").Find(t.Context(), t.TempDir())
	require.EqualError(t, err, "peer: fishmq is missing: no other-fish on PATH; to get it: catch it")
}

// A build runs at the root of the source tree; where it fails, PATH is next.
func TestBuild(t *testing.T) {
	dir := t.TempDir()
	d := Definition{Name: "built", Binary: []string{"built-that-nobody-has"}, Build: []string{"cp", "go.mod", "{binary}"}}
	p, err := d.Find(t.Context(), dir)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "built"), p.Binary)
	text, err := os.ReadFile(p.Binary)
	require.NoError(t, err)
	require.Contains(t, string(text), "module "+module+"\n")

	d.Build = []string{"cp", "no-such-file", "{binary}"}
	_, err = d.Find(t.Context(), dir)
	var missing *Missing
	require.ErrorAs(t, err, &missing)
	require.ErrorContains(t, err, "exit status 1: cp:")
	require.ErrorContains(t, err, "no built-that-nobody-has on PATH")

	t.Chdir(dir)
	_, err = d.Find(t.Context(), dir)
	require.ErrorContains(t, err, "the working directory is not in the source tree of TroupeMQ, to build it")
}

func TestFindIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := Definition{Name: "built", Build: []string{"cp", "go.mod", "{binary}"}}
	_, err := d.Find(ctx, t.TempDir())
	require.ErrorIs(t, err, context.Canceled)
}
