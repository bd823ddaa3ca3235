package main

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

const patience = 20 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFleet(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	address, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- run(ctx, settings{address: "127.0.0.1:0", limit: 130, samples: 4, window: 8}, func(a net.Addr) { address <- a.String() })
	}()
	t.Cleanup(func() { // after the Clients
		cancel()
		require.NoError(t, <-ended)
	})
	var broker string
	select {
	case broker = <-address:
	case err := <-ended:
		ended <- nil
		require.NoError(t, err)
	}

	said := make(chan string, 1000)
	watcher := connect(t, broker, "watcher")
	done(t, watcher.Subscribe("fleet/#", 1, func(_ mqtt.Client, m mqtt.Message) {
		said <- m.Topic() + " " + string(m.Payload())
	}))

	// Many more messages than the window has room for.
	const vehicles, rounds = 5, 40
	var tokens []mqtt.Token
	for v := range vehicles {
		c := connect(t, broker, fmt.Sprint("vehicle", v))
		for range rounds {
			tokens = append(tokens, c.Publish(fmt.Sprintf("vehicles/%d/speed", v), 1, false, fmt.Sprint(50+v)))
		}
	}
	for _, token := range tokens {
		done(t, token)
	}
	averages := make(map[string]int)
	for range vehicles * rounds / 4 {
		averages[next(t, said)]++
	}
	for v := range vehicles {
		require.Equal(t, rounds/4, averages[fmt.Sprintf("fleet/%d/average %d.0", v, 50+v)], "%v", averages)
	}

	// One that is too fast, and one that fails: it begins anew, and the others go on.
	driver := connect(t, broker, "driver")
	done(t, driver.Publish("vehicles/0/speed", 1, false, "140"))
	require.Equal(t, "fleet/0/alarm 140.0", next(t, said))
	for range 20 { // more than there is room for
		done(t, driver.Publish("vehicles/1/speed", 1, false, "fast"))
	}
	for range 4 {
		done(t, driver.Publish("vehicles/1/speed", 1, false, "60"))
	}
	require.Equal(t, "fleet/1/average 60.0", next(t, said))
	for range 3 {
		done(t, driver.Publish("vehicles/0/speed", 1, false, "100"))
	}
	require.Equal(t, "fleet/0/average 110.0", next(t, said))
}

func next(t *testing.T, said <-chan string) string {
	t.Helper()
	select {
	case s := <-said:
		return s
	case <-time.After(patience):
		require.FailNow(t, "nothing was published")
		return ""
	}
}

func connect(t *testing.T, broker, id string) mqtt.Client {
	t.Helper()
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + broker).SetClientID(id))
	done(t, c.Connect())
	t.Cleanup(func() { c.Disconnect(250) })
	return c
}

func done(t *testing.T, token mqtt.Token) {
	t.Helper()
	require.True(t, token.WaitTimeout(patience), "no answer")
	require.NoError(t, token.Error())
}
