//go:build unix

package main

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/eclipse/paho.golang/paho"
	"github.com/stretchr/testify/require"
)

// Whatever the level, an orderly shutdown loses nothing; without a data directory
// nothing is left.
func TestShutdownKeepsWhatWasAcknowledged(t *testing.T) {
	const messages = 50
	for _, level := range []string{"durability: memory\npersistence: {flush_interval: 1h, flush_messages: 1000000}", "durability: process", "durability: disk", `data_dir: ""`} {
		dir := filepath.Join(place(t), "data")
		var flags []string
		if level != `data_dir: ""` {
			flags = []string{"--data-dir", dir}
		}
		broker := serveProcess(t, level, flags...)
		sink := paho5(t, broker.address, lasting("sink", true))
		sink.subscribe(paho.SubscribeOptions{Topic: "queue", QoS: 1})
		require.NoError(t, sink.Disconnect(&paho.Disconnect{}))
		source := paho5(t, broker.address, fresh("source"))
		for i := range messages {
			source.publish(&paho.Publish{Topic: "queue", QoS: 1, Payload: fmt.Append(nil, i)})
		}
		source.publish(&paho.Publish{Topic: "state", QoS: 1, Retain: true, Payload: []byte("on")})
		require.NoError(t, broker.command.Process.Signal(syscall.SIGTERM))
		require.Equal(t, exitDone, broker.exit(t))

		second := serveProcess(t, level, flags...)
		back := paho5(t, second.address, lasting("sink", false))
		if flags == nil {
			require.False(t, back.connack.SessionPresent)
			require.Equal(t, []string{"c.yaml"}, names(t, second.command.Dir))
			continue
		}
		require.True(t, back.connack.SessionPresent, level)
		for i := range messages {
			back.expect(fmt.Sprint(i))
		}
		back.subscribe(paho.SubscribeOptions{Topic: "state", QoS: 1})
		back.expect("on")
		back.nothingMore()
		require.NotContains(t, names(t, second.command.Dir), "troupe-data")
	}
}
