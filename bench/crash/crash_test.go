package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/bench/internal/broker"
)

// build makes the binary once, for the tests that need it.
var build = sync.OnceValues(func() (string, error) { return broker.Build(context.Background(), dir) })

var dir string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if dir, err = os.MkdirTemp("", "crash"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		return m.Run()
	}())
}

// short is a run that takes seconds.
func short(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	binary, err := build()
	require.NoError(t, err)
	var stdout, stderr strings.Builder
	args = append([]string{"-binary", binary, "-clients", "12", "-rate", "600", "-load", "300ms", "-seed", "1", "-v"}, args...)
	code = execute(args, &stdout, &stderr)
	t.Log(stdout.String() + stderr.String())
	return code, stdout.String()
}

// A broker that keeps nothing on disk is found out: the model can fail.
func TestCrashFindsLosses(t *testing.T) {
	code, out := short(t, "-durability", none, "-cycles", "1", "-settle", "200ms")
	require.Equal(t, 1, code)
	for _, k := range []kind{lost, sessions, retained} {
		require.Contains(t, out, fmt.Sprintf("cycle 1: %s: ", k))
	}
}

// While the broker lives, connections that break lose nothing: what is found is
// no fault of the clients.
func TestCrashFindsNothingWithoutACrash(t *testing.T) {
	code, out := short(t, "-durability", none, "-spare", "-cycles", "4")
	require.Equal(t, 0, code)
	require.Contains(t, out, "violations     0\n")
}

func TestCrash(t *testing.T) {
	for _, durability := range []string{"process", "disk"} {
		code, out := short(t, "-durability", durability, "-cycles", "4")
		require.Equal(t, 0, code, durability)
		require.Contains(t, out, "violations     0\n")
	}
}

func TestFlags(t *testing.T) {
	for _, args := range [][]string{
		{"-durability", "most"}, {"-cycles", "0"}, {"-clients", "5"}, {"-rate", "0"}, {"-window", "0"}, {"-load", "0"}, {"-wills", "1"}, {"what"}, {"-what"},
	} {
		var stdout, stderr strings.Builder
		require.Equal(t, 2, execute(args, &stdout, &stderr), args)
		require.NotEmpty(t, stderr.String())
		require.Empty(t, stdout.String())
	}
	var stdout, stderr strings.Builder
	require.Equal(t, 0, execute([]string{"-help"}, &stdout, &stderr))
	require.Contains(t, stderr.String(), "-durability")
	require.Equal(t, 2, execute([]string{"-binary", "/nowhere/troupe", "-cycles", "1"}, &stdout, &stderr), "what cannot run is no violation")
}
