package main

import (
	"context"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/troupetest"
)

const patience = 20 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestGateway(t *testing.T) {
	cloud := troupetest.Start(t)
	cloud.Timeout = patience
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan []troupe.Instance, 1), make(chan error, 1)
	s := settings{machines: "127.0.0.1:0", office: "127.0.0.1:0", cloud: cloud.URL(), dir: t.TempDir()}
	go func() { ended <- run(ctx, s, func(all []troupe.Instance) { ready <- all }) }()
	var all []troupe.Instance
	select {
	case all = <-ready:
	case err := <-ended:
		require.NoError(t, err)
	}
	t.Cleanup(func() { // after the Clients
		cancel()
		require.NoError(t, <-ended)
	})
	require.Len(t, all, 2)
	require.Equal(t, "machines", all[0].Name)
	machine, clerk := connect(t, all[0], "machine"), connect(t, all[1], "clerk")

	// Sensors come to the office, and only there.
	got := make(chan string, 10)
	hear := func(who string) mqtt.MessageHandler {
		return func(_ mqtt.Client, m mqtt.Message) { got <- who + " " + m.Topic() + " " + string(m.Payload()) }
	}
	done(t, clerk.Subscribe("#", 1, hear("clerk")))
	done(t, machine.Subscribe("commands/#", 1, hear("machine")))
	done(t, machine.Publish("sensors/press/3", 1, false, "warm"))
	require.Equal(t, "clerk plant/sensors/press/3 warm", next(t, got))

	// An alarm comes to the cloud, and a command back.
	done(t, machine.Publish("alarms/press", 1, false, "hot"))
	alarm := cloud.Wait(t, "plant7/alarms/#", 1)[0]
	require.Equal(t, "plant7/alarms/press", alarm.Topic)
	require.Equal(t, "hot", string(alarm.Payload))
	cloud.WaitSubscribed(t, "", "plant7/commands/#")
	cloud.Publish(t, troupe.Message{Topic: "plant7/commands/press", Payload: []byte("stop"), QoS: troupe.AtLeastOnce})
	require.Equal(t, "machine commands/press stop", next(t, got))

	// The cloud is away: alarms are taken, wait, and come in their order.
	cloud.Kill(t)
	for _, alarm := range []string{"1", "2", "3"} {
		done(t, machine.Publish("alarms/press", 1, false, alarm))
	}
	cloud.Restart(t)
	late := cloud.Wait(t, "plant7/alarms/#", 4)
	for i, alarm := range []string{"hot", "1", "2", "3"} {
		require.Equal(t, alarm, string(late[i].Payload))
	}
	require.Empty(t, cloud.Messages("plant7/sensors/#"))
	for len(got) > 0 { // the cloud may not have noted that it was acknowledged
		require.Equal(t, "machine commands/press stop", <-got)
	}
}

func connect(t *testing.T, to troupe.Instance, id string) mqtt.Client {
	t.Helper()
	require.Equal(t, troupe.InstanceRunning, to.State, to.Error)
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + to.Listeners[0].Address).SetClientID(id))
	done(t, c.Connect())
	t.Cleanup(func() { c.Disconnect(250) })
	return c
}

func next(t *testing.T, got <-chan string) string {
	t.Helper()
	select {
	case s := <-got:
		return s
	case <-time.After(patience):
		require.FailNow(t, "nothing came")
		return ""
	}
}

func done(t *testing.T, token mqtt.Token) {
	t.Helper()
	require.True(t, token.WaitTimeout(patience), "no answer")
	require.NoError(t, token.Error())
}
