package troupe

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/persistence/faulty"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// A kept Session that fails in the middle of what somebody waits for holds nobody
// up, and loses nothing that was acknowledged.
func TestKeptSessionFails(t *testing.T) {
	k := keep(t, faulty.Plan{}, nil)
	k.absent("away", packet.QoS1, "a")
	victim, from := k.regular("victim"), k.guest("from")
	victim.subscribe(packet.QoS1, "a")
	require.Equal(t, packet.Success, from.publish(packet.QoS1, "a", "one"))
	require.Equal(t, "one", string(victim.receive().Payload))

	ticket := message.NewTicket(k.tree.system.Root(), k.tree.journal, sessionOf(t, k.Broker, "from"))
	ticket.Hold(1)
	run := packet.NewRun(&packet.Publish{Topic: []byte("b"), QoS: packet.QoS1, PacketID: 1}, packet.V5)
	k.send(sessionOf(t, k.Broker, "victim"), &message.Deliver{Runs: []*packet.Run{run, nil}, Terms: &session.Terms{QoS: packet.QoS1}, Ticket: ticket})
	victim.gone()
	k.log.await(t, 1, "an actor failed", "kind", "session", "action", "restart")
	ticket.Release()
	for _, text := range []string{"two", "three"} {
		require.Equal(t, packet.Success, from.publish(packet.QoS1, "a", text))
	}
	require.True(t, ticket.In(1<<40), "it was let go of by who failed")

	after := k.again(k.inner.CrashClone())
	got := make(map[string]int)
	c := after.regular("victim")
	for range 4 { // and what it had taken when it failed
		got[string(c.receive().Payload)]++
	}
	require.Equal(t, map[string]int{"one": 1, "": 1, "two": 1, "three": 1}, got)
	after.regular("away").gets("one", "two", "three")
}
