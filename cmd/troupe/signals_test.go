//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

// signal sends a signal and waits until the broker has begun to act on it.
func (p *process) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	require.NoError(t, p.command.Process.Signal(s))
	require.Eventually(t, func() bool { return strings.Contains(p.log.String(), "shutting down") }, patience, time.Millisecond)
}

// slow connects a Client that takes one message at a time and has messages
// waiting; the first was sent to it.
func slow(t testing.TB, address string, messages int) *peer {
	t.Helper()
	p := knock(t, address, packet.V5)
	p.connect(&packet.Connect{CleanStart: true, ReceiveMaximum: 1, ClientID: []byte("slow")})
	p.subscribe("slow", packet.SubscriptionOptions{QoS: packet.QoS1})
	source := enter(t, address, packet.V311, "source")
	for i := range messages {
		source.sendPackets(&packet.Publish{QoS: packet.QoS1, PacketID: 1, Topic: []byte("slow"), Payload: fmt.Append(nil, i)})
		source.expect(packet.TypePuback)
	}
	source.sendPackets(&packet.Disconnect{})
	source.expectClosed()
	return p
}

func TestSignalSaysGoodbye(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		broker := serveProcess(t, "shutdown: {grace_period: 1h}") // which none of these needs
		five := enter(t, broker.address, packet.V5, "five")
		old := enter(t, broker.address, packet.V311, "old")
		mute := knock(t, broker.address, packet.V5) // has not said who it is
		broker.signal(t, s)
		five.expectDisconnect(packet.ServerShuttingDown)
		old.expectClosed()
		mute.expectClosed()
		require.Equal(t, exitDone, broker.exit(t), broker.log)
	}
}

// What waits for a connected Client is delivered before it is told good-bye,
// however slowly it takes it.
func TestSignalDrains(t *testing.T) {
	const messages = 200
	broker := serveProcess(t, "shutdown: {grace_period: 1m}")
	p := slow(t, broker.address, messages)
	broker.signal(t, syscall.SIGTERM)
	for i := range messages {
		publish := p.expectPublish()
		require.Equal(t, fmt.Sprint(i), string(publish.Payload))
		p.sendPackets(&packet.Puback{PacketID: publish.PacketID})
	}
	p.expectDisconnect(packet.ServerShuttingDown)
	require.Equal(t, exitDone, broker.exit(t), broker.log)
}

// The grace period bounds what a Client that takes nothing can hold up.
func TestGracePeriodEnds(t *testing.T) {
	broker := serveProcess(t, "shutdown: {grace_period: 300ms}")
	p := slow(t, broker.address, 2)
	broker.signal(t, syscall.SIGTERM)
	p.expectPublish() // and no PUBACK
	p.expectDisconnect(packet.ServerShuttingDown)
	require.Equal(t, exitDone, broker.exit(t), broker.log)
}

// Nobody new is let in while the queues drain.
func TestNoEntryWhileDraining(t *testing.T) {
	broker := serveProcess(t, "shutdown: {grace_period: 1m}")
	p := slow(t, broker.address, 1)
	early := knock(t, broker.address, packet.V5) // accepted before, CONNECT after
	broker.signal(t, syscall.SIGTERM)
	early.send((&packet.Connect{Version: packet.V5, CleanStart: true, ClientID: []byte("late")}).Append(nil))
	if frame, err := early.next(); err == nil && packet.Type(frame[0]>>4) == packet.TypeConnack {
		var connack packet.Connack
		require.NoError(t, connack.Decode(frame, packet.V5))
		if connack.Code == packet.Success {
			early.expectDisconnect(packet.ServerShuttingDown)
		}
	}
	p.sendPackets(&packet.Puback{PacketID: p.expectPublish().PacketID})
	p.expectDisconnect(packet.ServerShuttingDown)
	require.Equal(t, exitDone, broker.exit(t), broker.log)
}

// A shutdown whose store cannot be closed was not complete.
func TestStoreIsNotClosed(t *testing.T) {
	broker := serveProcess(t, "data_dir: data")
	p := enter(t, broker.address, packet.V311, "c")
	p.sendPackets(&packet.Publish{Retain: true, QoS: packet.QoS1, PacketID: 1, Topic: []byte("kept"), Payload: []byte("x")})
	p.expect(packet.TypePuback)
	require.NoError(t, os.RemoveAll(filepath.Join(broker.command.Dir, "data")))
	broker.signal(t, syscall.SIGTERM)
	require.Equal(t, exitFailure, broker.exit(t), broker.log)
	require.Regexp(t, `(?m)^troupe: .*something went wrong at its end: `, broker.log)
}

// insist sends signals until the process has ended: one that comes within a second
// of the first is not the second.
func (p *process) insist(t testing.TB, s syscall.Signal) {
	t.Helper()
	p.signal(t, s)
	require.Eventually(t, func() bool {
		_ = p.command.Process.Signal(s)
		return p.exited()
	}, patience, 10*time.Millisecond)
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	broker := serveProcess(t, "shutdown: {grace_period: 1h}")
	p := slow(t, broker.address, 2)
	broker.insist(t, syscall.SIGTERM)
	require.Equal(t, exitCut, broker.exit(t), broker.log)
	p.expectPublish()
	require.Contains(t, broker.log.String(), "troupe: ended at once by a second signal")
}
