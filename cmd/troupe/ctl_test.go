package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/control"
)

func someBridges(now time.Time) []control.Bridge {
	since, failed, retry := now.Add(-90*time.Second), now.Add(-2*time.Minute), now.Add(7*time.Second)
	return []control.Bridge{{
		Name: "uplink", State: "connected", Upstream: "mqtt://node2:1883", Since: &since, Error: "connection refused", ErrorAt: &failed,
		Switches: 1, Retries: 5, Queued: 120, QueuedBytes: 4096, Spooled: 20, QueuedAge: 12.4, Inflight: 100, Strained: true,
		Forwarded: 1000, Resent: 2, Received: 30, Dropped: map[string]int64{"offline": 3, "full": 7, "aged": 0},
		Upstreams: []control.Upstream{{Name: "mqtt://node1:1883", State: "backing off", RetryAt: &retry, Error: "connection refused"}, {Name: "mqtt://node2:1883", State: "carries"}},
	}, {Name: "other", State: "paused"}}
}

func TestBridgesForPeople(t *testing.T) {
	now := time.Now()
	var out bytes.Buffer
	require.NoError(t, writeBridges(&out, someBridges(now), now))
	require.Equal(t, `uplink               connected mqtt://node2:1883 for 1m30s
  waiting            120 messages, 4.0 KiB, 20 on disk alone, the oldest for 12s; publishers are slowed down
  in flight          100
  forwarded          1000, 2 more again
  received           30
  dropped            7 full, 3 offline
  switches           1, 5 attempts
  last error         2m0s ago: connection refused
  mqtt://node1:1883  backing off, again in 7s: connection refused
  mqtt://node2:1883  carries

other        paused
  waiting    0 messages, 0 B
  in flight  0
  forwarded  0, 0 more again
  received   0
  switches   0, 0 attempts
`, out.String())
	out.Reset()
	require.NoError(t, writeBridges(&out, nil, now))
	require.Equal(t, "there are no bridges\n", out.String())
}

func TestCtlBridge(t *testing.T) {
	dir := place(t)
	asked := make(chan control.Order, 10)
	running(t, filepath.Join(dir, "d"), control.Handlers{
		Bridges: func(context.Context) ([]control.Bridge, error) { return someBridges(time.Now().UTC().Round(0)), nil },
		Order: func(_ context.Context, o control.Order) error {
			asked <- o
			if o.Bridge == "none" {
				return errors.New("there is no bridge none; there are: uplink, other")
			}
			return nil
		},
	})
	r := work(t, dir, nil, "ctl", "bridge", "list", "--data-dir", "d", "--json")
	require.Equal(t, exitDone, r.code, r.stderr)
	var got []control.Bridge
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &got))
	require.Len(t, got, 2)
	require.Equal(t, int64(120), got[0].Queued)

	require.Equal(t, result{exitDone, "", ""}, work(t, dir, nil, "ctl", "bridge", "switch", "uplink", "--to", "mqtt://node1:1883", "--data-dir", "d"))
	require.Equal(t, result{exitDone, "", ""}, work(t, dir, nil, "ctl", "bridge", "pause", "uplink", "--data-dir", "d"))
	require.Equal(t, control.Order{Bridge: "uplink", Action: "switch", To: "mqtt://node1:1883"}, <-asked)
	require.Equal(t, control.Order{Bridge: "uplink", Action: "pause"}, <-asked)

	r = work(t, dir, nil, "ctl", "bridge", "drain", "none", "--data-dir", "d")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.stderr, "there is no bridge none; there are: uplink, other")
	r = work(t, dir, nil, "ctl", "bridge", "pause", "--data-dir", "d")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.stderr, "name one bridge")
	r = work(t, dir, nil, "ctl", "bridge", "list", "--data-dir", "elsewhere")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.stderr, "no instance answers there")
}
