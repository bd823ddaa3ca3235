package troupetest_test

import (
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/troupetest"
)

func TestClients(t *testing.T) {
	b := troupetest.Start(t)
	three := paho3(t, b, "three", func(o *mqtt.ClientOptions) { o.SetUsername("ada") })
	done(t, three.SubscribeMultiple(map[string]byte{"b/#": 0, "a": 1, "$share/s/x": 2}, nil))
	five := paho5(t, b, "", nil)
	assigned := five.ClientID()
	_, err := five.Subscribe(within(t), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "five"}, {Topic: "bad/#/filter"}}})
	require.Error(t, err)
	b.WaitSubscribed(t, "three", "a")
	b.WaitConnected(t, "")

	all := b.Clients()
	require.Len(t, all, 2)
	for _, c := range all {
		if c.ID == "three" {
			require.Equal(t, troupetest.Client{ID: "three", Username: "ada", Version: packet.V311, Filters: []string{"$share/s/x", "a", "b/#"}}, c)
		} else {
			require.Equal(t, assigned, c.ID)
			require.NotEmpty(t, c.ID)
			require.Equal(t, packet.V5, c.Version)
		}
	}
	done(t, three.Unsubscribe("a", "b/#"))
	require.Equal(t, []string{"$share/s/x"}, b.WaitConnected(t, "three").Filters)

	b.Cut("three") // and it comes back to its Session
	b.WaitSubscribed(t, "three", "$share/s/x")
	three.Disconnect(250)
	b.WaitDisconnected(t, "three")
	clean := paho3(t, b, "three", func(o *mqtt.ClientOptions) { o.SetCleanSession(true) })
	require.True(t, clean.IsConnected())
	require.Empty(t, b.WaitConnected(t, "three").Filters)
}

func TestWaitForClientsFails(t *testing.T) {
	b := troupetest.Start(t)
	b.Timeout = time.Millisecond
	for _, one := range []struct {
		wait func(troupetest.TB)
		says string
	}{
		{func(t troupetest.TB) { b.WaitConnected(t, "c") }, `client "c" is not connected; connected are: none`},
		{func(t troupetest.TB) { b.WaitConnected(t, "") }, `a client is not connected; connected are: none`},
		{func(t troupetest.TB) { b.WaitSubscribed(t, "c", "f") }, `client "c" is not subscribed to "f"`},
	} {
		f := new(failing)
		one.wait(f)
		require.Contains(t, f.failure, one.says)
	}
	b.Timeout = patience
	paho3(t, b, "c")
	b.WaitConnected(t, "c")
	b.Timeout = time.Millisecond
	f := new(failing)
	b.WaitDisconnected(f, "")
	require.Contains(t, f.failure, `client "c" is still connected`)
}
