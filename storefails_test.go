package troupe

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/faulty"
	"github.com/troupemq/troupe/protocol/packet"
)

var errDevice = errors.New("the device has an error (by plan)")

// failing is a plan for a store that fails from the moment on that a test
// chooses, with all that is asked of it to write.
type failing struct {
	plan faulty.Plan
	on   chan struct{} // closed from then on
}

func newFailing(part string) *failing {
	f := &failing{on: make(chan struct{})}
	failed := func() error {
		select {
		case <-f.on:
			if part == "panic" {
				panic(errDevice)
			}
			return errDevice
		default:
			return nil
		}
	}
	if part == "sync" {
		f.plan.Sync = func(int) error { return failed() }
	} else {
		f.plan.Apply = func(int, *persistence.Batch) error { return failed() }
	}
	return f
}

// An error of the store ends the instance with the reason, and nothing was
// acknowledged that is not safe.
func TestStoreFailureStopsTheInstance(t *testing.T) {
	for _, part := range []string{"apply", "sync", "panic"} {
		t.Run(part, func(t *testing.T) {
			f := newFailing(part)
			k := keep(t, f.plan, nil)
			k.absent("away", packet.QoS1, "a")
			from := k.guest("from")
			require.Equal(t, packet.Success, from.publish(packet.QoS1, "a", "safe"))
			close(f.on)
			from.begin(packet.QoS1, "a", "not safe")
			from.unanswered()
			wait(t, k.Done(), "the instance goes on")
			if part != "panic" {
				require.ErrorIs(t, k.Err(), errDevice)
			}
			require.ErrorContains(t, k.Err(), "instance/journal failed: ")
			require.ErrorContains(t, k.Err(), errDevice.Error())
			require.Equal(t, 1, k.log.count(failedLine))
			require.NoError(t, k.Shutdown(within(t)))
			require.EqualValues(t, 1, k.tree.counters.StoreFailed.Load())

			away := k.again(k.inner.CrashClone()).regular("away")
			away.gets("safe")
			away.quiet()
		})
	}
}

// A failure of the journal itself ends the instance likewise.
func TestJournalFails(t *testing.T) {
	k := keep(t, faulty.Plan{}, nil)
	k.absent("away", packet.QoS1, "a")
	from := k.guest("from")
	require.Equal(t, packet.Success, from.publish(packet.QoS1, "a", "safe"))
	k.send(k.tree.journal, panics())
	from.unanswered()
	wait(t, k.Done(), "the instance goes on")
	var failure *system.Failure
	require.ErrorAs(t, k.Err(), &failure)
	require.Equal(t, "journal", failure.Kind)
	require.Equal(t, "boom", failure.Reason)
	require.NoError(t, k.Shutdown(within(t)))

	away := k.again(k.inner.CrashClone()).regular("away")
	away.gets("safe")
	away.quiet()
}

// readOnly is an instance whose store has failed and that goes on.
func readOnly(t *testing.T, before func(k *keeper)) *keeper {
	t.Helper()
	f := newFailing("apply")
	k := keep(t, f.plan, func(c *configs.Config) { c.Persistence.OnError = configs.OnErrorReadOnly })
	before(k)
	close(f.on)
	victim := k.guest("victim")
	victim.send(&packet.Publish{Topic: []byte("retained"), Payload: []byte("x"), Retain: true}) // with QoS 0, nobody waits
	k.log.await(t, 1, failedLine)
	return k
}

// Read-only, what would have to be kept is refused and everything else goes on.
func TestReadOnly(t *testing.T) {
	var reader *client
	k := readOnly(t, func(k *keeper) {
		k.absent("away", packet.QoS2, "a")
		reader = k.regular("reader")
		reader.subscribe(packet.QoS1, "b", "a")
		require.False(t, k.guest("keeps").send(&packet.Publish{QoS: packet.QoS1, Retain: true, Topic: []byte("kept"), Payload: []byte("old")}).IsError())
	})
	from, to := k.guest("from"), k.guest("to")
	to.subscribe(packet.QoS2, "c")
	for qos := packet.QoS1; qos <= packet.QoS2; qos++ {
		require.Equal(t, packet.QuotaExceeded, from.publish(qos, "a", "nobody gets it"))
		require.Equal(t, packet.QuotaExceeded, from.send(&packet.Publish{QoS: qos, Retain: true, Topic: []byte("kept"), Payload: []byte("new")}))
		require.Equal(t, packet.Success, from.publish(qos, "c", "nobody keeps it"))
	}
	require.Equal(t, packet.Success, from.publish(packet.QoS0, "b", "goes on"))
	reader.gets("goes on")
	reader.quiet()
	to.gets("nobody keeps it")
	require.Equal(t, "nobody keeps it", string(to.receive().Payload))
	k.guest("late")
	late := k.guest("late") // nobody waits for the end of what was not kept
	late.subscribe(packet.QoS1, "kept")
	late.gets("old")
	require.ErrorContains(t, k.Publish(within(t), Message{Topic: "a", QoS: AtLeastOnce}), "quota exceeded")

	// An answer that promises something will never come: who asks for it hears that.
	reader.sendSubscribe(packet.QoS1, "more")
	require.Equal(t, packet.QuotaExceeded, reader.gone().Code)
	for _, id := range []string{"reader", "newcomer"} {
		require.Equal(t, packet.ServerUnavailable, newClient(t, dial(t, k.Broker)).enter(durable(id)).Code)
	}

	// A Client of MQTT 3.1.1 can be told nothing in a PUBACK: its connection is closed
	// instead, so that it sends the message again elsewhere, or later.
	for _, clean := range []bool{true, false} {
		old := newClient(t, dial(t, k.Broker))
		old.write((&packet.Connect{Version: packet.V311, CleanStart: clean, ClientID: []byte("old")}).Append(nil))
		frame, err := old.frame()
		require.NoError(t, err)
		if !clean {
			require.Equal(t, []byte{0x20, 2, 0, 3}, frame, "server unavailable")
			old.gone()
			break
		}
		require.Equal(t, []byte{0x20, 2, 0, 0}, frame)
		old.write((&packet.Publish{QoS: packet.QoS1, PacketID: 1, Topic: []byte("c"), Payload: []byte("kept by nobody")}).Append(nil, packet.V311))
		frame, err = old.frame()
		require.NoError(t, err)
		require.Equal(t, []byte{0x40, 2, 0, 1}, frame)
		old.write((&packet.Publish{QoS: packet.QoS1, PacketID: 2, Topic: []byte("a")}).Append(nil, packet.V311))
		old.unanswered()
	}
	require.EqualValues(t, 1, k.tree.counters.StoreStalled.Load())
	require.EqualValues(t, 5, k.tree.counters.RefusedQuota.Load())
	require.NoError(t, k.Err())
	require.Equal(t, 1, k.log.count(failedLine))
}
