package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const tooMany = `
data_dir: ""
instances:
- {name: a, listeners: [{name: tcp, address: "127.0.0.1:0"}], limits: {max_connections: 2000000000}}
- {name: b, listeners: [{name: tcp, address: "127.0.0.1:0"}], session: {total: {memory: 4000000GiB}}}
`

// What is larger than the machine is refused before anything is opened, with the
// key and with what there is.
func TestShareLargerThanTheMachine(t *testing.T) {
	r := command(t, tooMany, nil, "serve", "-c", "c.yaml")
	require.Equal(t, 2, r.code)
	require.Regexp(t, `instance a: limits\.max_connections: 2000000000 connections need 2000000096 open files, and this process may have \d+: allowed are \d+`, r.stderr)
	require.Regexp(t, `instance b: session\.total\.memory: 4000000GiB is more than the memory of this process, which is \d+\.\d [MGT]iB: allowed is less`, r.stderr)
	require.Empty(t, r.stdout)

	r = command(t, tooMany, nil, "check", "-c", "c.yaml")
	require.Zero(t, r.code, "it may be for another machine")
	require.Contains(t, r.stderr, "troupe: warning: on this machine: instance a: limits.max_connections: 2000000000")
}
