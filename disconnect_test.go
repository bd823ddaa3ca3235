package troupe

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/persistence/memory"
	"github.com/troupemq/troupe/protocol/packet"
)

func TestDisconnect(t *testing.T) {
	log := newDiary()
	told := make(chan Disconnection, 4)
	b := start(t, log.option(), WithHooks(Hooks{Disconnected: func(_ Client, why Disconnection) { told <- why }}))
	p := durable("c")
	p.Will = &packet.Will{Topic: []byte("will"), Payload: []byte("gone"), QoS: packet.QoS1}
	c := connectWith(t, dial(t, b), p)
	c.subscribe(packet.QoS1, "a")
	wills, after := listen(t, b, "will"), listen(t, b, "after")
	require.NoError(t, b.Disconnect(within(t), "c", packet.NotAuthorized, "the account was closed"))
	require.Equal(t, &packet.Disconnect{Code: packet.NotAuthorized, ReasonString: []byte("the account was closed")}, c.gone())
	require.Equal(t, "gone", string(wait(t, wills, "no Will").Payload))
	why := wait(t, told, "no hook")
	require.Equal(t, packet.NotAuthorized, why.Code)
	require.False(t, why.ByClient || why.Lost)
	log.await(t, 1, "client disconnected", "client", "c", "reason", "not authorized")

	// The Session is there still.
	require.ErrorIs(t, b.Disconnect(within(t), "c", packet.NotAuthorized, ""), ErrNoClient)
	publish(t, b, "a", "while away")
	again := connectWith(t, dial(t, b), durable("c"))
	require.True(t, again.present)
	again.gets("while away")

	// Nothing counts that is on its way when it returns.
	require.NoError(t, b.Disconnect(within(t), "c", packet.AdministrativeAction, ""))
	_, _ = again.conn.Write((&packet.Publish{Topic: []byte("after"), Payload: []byte("late")}).Append(nil, packet.V5))
	require.Equal(t, &packet.Disconnect{Code: packet.AdministrativeAction}, again.gone())
	publish(t, b, "after", "next")
	require.Equal(t, "next", string(wait(t, after, "no message").Payload))

	// An earlier version has no word for it.
	old := newClient(t, dial(t, b))
	old.write((&packet.Connect{Version: packet.V311, ClientID: []byte("old"), CleanStart: true}).Append(nil))
	old.expect(packet.TypeConnack)
	require.NoError(t, b.Disconnect(within(t), "old", packet.AdministrativeAction, "why"))
	require.Nil(t, old.gone())
}

func TestDisconnectOfNobody(t *testing.T) {
	b := startWith(t, func(c *configs.Config) { c.Bridges = []configs.Bridge{to("mqtt://127.0.0.1:1")} })
	for _, id := range []string{"nobody", "", "$bridge/up"} {
		require.ErrorIs(t, b.Disconnect(within(t), id, packet.NotAuthorized, ""), ErrNoClient)
	}
	for _, code := range []ReasonCode{packet.Success, packet.DisconnectWithWill, packet.BadUserNameOrPassword, 0xff} {
		require.ErrorContains(t, b.Disconnect(within(t), "c", code, ""), "is no error that a DISCONNECT can have")
	}
	for _, reason := range []string{"\xff", "a\x00", strings.Repeat("a", 1<<16)} {
		require.ErrorContains(t, b.Disconnect(within(t), "c", packet.NotAuthorized, reason), "that MQTT can carry")
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, b.Disconnect(over, "c", packet.NotAuthorized, ""), context.Canceled)
	require.NoError(t, b.Shutdown(within(t)))
	require.ErrorIs(t, b.Disconnect(within(t), "c", packet.NotAuthorized, ""), ErrNotRunning)
}

// A Session that sleeps in the store has no Client, and is not woken to say so.
func TestDisconnectOfASessionThatSleeps(t *testing.T) {
	store := memory.New()
	b := startWith(t, func(*configs.Config) {}, WithStore(store))
	connect(t, b, "c").leave()
	require.NoError(t, b.Shutdown(within(t)))
	b = startWith(t, func(*configs.Config) {}, WithStore(store)) // all are asleep
	require.ErrorIs(t, b.Disconnect(within(t), "c", packet.NotAuthorized, ""), ErrNoClient)
	c := connect(t, b, "c")
	require.True(t, c.present)
	require.NoError(t, b.Disconnect(within(t), "c", packet.NotAuthorized, ""))
	require.Equal(t, packet.NotAuthorized, c.gone().Code)
}
