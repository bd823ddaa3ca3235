package troupe

import (
	"context"
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/faulty"
	"github.com/troupemq/troupe/persistence/memory"
	"github.com/troupemq/troupe/protocol/packet"
)

const (
	fullLine   = "the disk is full: nothing is acknowledged that has to be written, until there is room"
	roomLine   = "there is room on the disk again, what waited is written"
	failedLine = "the store failed: nothing is acknowledged any more that has to be written"
)

// keeper is a broker over a store that goes wrong as a test says.
type keeper struct {
	*Broker
	t     testing.TB
	inner *memory.Store
	store *faulty.Store
	log   diary
}

// keep starts a broker over a new store.
func keep(t testing.TB, plan faulty.Plan, change func(*configs.Config)) *keeper {
	t.Helper()
	return keepOver(t, memory.New(), plan, change)
}

func keepOver(t testing.TB, inner *memory.Store, plan faulty.Plan, change func(*configs.Config)) *keeper {
	t.Helper()
	k := &keeper{t: t, inner: inner, store: faulty.New(inner, plan), log: newDiary()}
	if change == nil {
		change = func(*configs.Config) {}
	}
	k.Broker = startWith(t, change, k.log.option(), WithStore(k.store))
	t.Cleanup(func() { k.store.SetFull(false) }) // or the end would wait for room
	return k
}

// again is a broker that comes after one that has ended, however it did, over
// what that one left.
func (k *keeper) again(left *memory.Store) *keeper {
	k.t.Helper()
	return keepOver(k.t, left, faulty.Plan{}, nil)
}

// guest connects a Client of whom nothing is kept.
func (k *keeper) guest(id string) *client {
	k.t.Helper()
	return connectWith(k.t, dial(k.t, k.Broker), &packet.Connect{
		Version: packet.V5, CleanStart: true, ClientID: []byte(id), RequestProblemInformation: true,
	})
}

// regular connects a Client of whom a Session is kept.
func (k *keeper) regular(id string) *client {
	k.t.Helper()
	return connect(k.t, k.Broker, id)
}

// absent is a kept Session whose Client is away.
func (k *keeper) absent(id string, qos packet.QoS, filters ...string) {
	k.t.Helper()
	c := k.regular(id)
	c.subscribe(qos, filters...)
	c.leave()
	k.log.await(k.t, 1, "client disconnected", "client", id)
}

// begin sends a message with QoS 1 or 2 and does not wait for its end.
func (c *client) begin(qos packet.QoS, topic, payload string) (id uint16) {
	c.t.Helper()
	p := packet.Publish{QoS: qos, Topic: []byte(topic), Payload: []byte(payload), PacketID: c.next()}
	c.write(p.Append(nil, packet.V5))
	return p.PacketID
}

// accepted takes the acknowledgement of what begin sent, of QoS 2 the first one.
func (c *client) accepted(qos packet.QoS, id uint16) {
	c.t.Helper()
	want := packet.TypePuback
	if qos == packet.QoS2 {
		want = packet.TypePubrec
	}
	require.Equal(c.t, packet.Success, c.acked(want, id))
}

// release ends a message with QoS 2.
func (c *client) release(id uint16) {
	c.t.Helper()
	rel := packet.Pubrel{PacketID: id}
	c.write(rel.Append(nil, packet.V5))
	require.Equal(c.t, packet.Success, c.acked(packet.TypePubcomp, id))
}

// unanswered waits for the broker to close the connection, and checks that nothing
// was acknowledged before.
func (c *client) unanswered() {
	c.t.Helper()
	for {
		frame, err := c.frame()
		if err != nil {
			timeout, ok := err.(net.Error)
			require.False(c.t, ok && timeout.Timeout(), "the connection stays open")
			return
		}
		require.Equal(c.t, packet.TypeDisconnect, packet.Type(frame[0]>>4))
	}
}

// knock sends CONNECT and does not wait for the answer.
func (k *keeper) knock(p *packet.Connect) *client {
	k.t.Helper()
	c := newClient(k.t, dial(k.t, k.Broker))
	c.write(p.Append(nil))
	return c
}

// texts are payloads that tell messages apart.
func texts(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint("message ", i))
	}
	return all
}

// bodies counts the shared bodies in a store.
func bodies(t testing.TB, s persistence.Store) (n int) {
	t.Helper()
	require.NoError(t, s.Scan(persistence.PartBody.Key(), nil, func([]byte, []byte) bool { n++; return true }))
	return n
}

// Two brokers in one store would write over each other.
func TestAStoreIsForOneBroker(t *testing.T) {
	store := memory.New()
	first := start(t, WithStore(store))
	second, err := New(WithoutListeners(), WithStore(store))
	require.NoError(t, err)
	err = second.Start(within(t))
	require.ErrorIs(t, err, persistence.ErrLocked)
	require.ErrorContains(t, err, "WithStore: another broker has the store")
	require.NoError(t, first.Publish(within(t), Message{Topic: "a", Retain: true, Payload: []byte("kept")}))
	require.NoError(t, first.Shutdown(within(t)))
	require.NoError(t, second.Start(within(t)), "it is free again")
	require.NoError(t, second.Shutdown(within(t)))

	// A start that fails leaves it.
	over, cancel := context.WithCancel(within(t))
	third, err := New(WithoutListeners(), WithStore(store))
	require.NoError(t, err)
	if err := third.Start(ending{over, cancel}); err != nil {
		require.ErrorIs(t, err, context.Canceled)
	}
	require.NoError(t, third.Shutdown(within(t)))
	start(t, WithStore(store))
}
