package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupemq/troupe"
)

const patience = 20 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// onFreePorts is the file of the example with other ports.
func onFreePorts(t *testing.T) (file string) {
	t.Helper()
	text, err := os.ReadFile("tenants.json")
	require.NoError(t, err)
	file = filepath.Join(t.TempDir(), "tenants.json")
	changed := strings.NewReplacer("127.0.0.1:1884", "127.0.0.1:0", "127.0.0.1:1885", "127.0.0.1:0").Replace(string(text))
	require.NotEqual(t, string(text), changed)
	require.NoError(t, os.WriteFile(file, []byte(changed), 0o600))
	return file
}

func TestTenants(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	web, ended := make(chan string, 1), make(chan error, 1)
	file, dir := onFreePorts(t), t.TempDir()
	go func() {
		ended <- run(ctx, file, dir, "127.0.0.1:0", func(a net.Addr) { web <- "http://" + a.String() })
	}()
	var host string
	select {
	case host = <-web:
	case err := <-ended:
		require.NoError(t, err)
	}
	t.Cleanup(func() { // after the Clients
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	all := list(t, host)
	require.Len(t, all, 2)
	acme, globex := all[0], all[1]
	require.Equal(t, filepath.Join(dir, "acme"), acme.DataDir)
	require.DirExists(t, filepath.Join(dir, "globex"))

	// Each tenant has users of its own.
	ours, err := enter(t, acme, "ours", "operator", "hunter2")
	require.NoError(t, err)
	theirs, err := enter(t, globex, "theirs", "operator", "other")
	require.NoError(t, err)
	_, err = enter(t, globex, "thief", "operator", "hunter2")
	require.Error(t, err)
	_, err = enter(t, globex, "nobody", "", "")
	require.Error(t, err)

	// And messages of its own.
	got := make(chan string, 10)
	done(t, ours.Subscribe("#", 1, func(_ mqtt.Client, m mqtt.Message) { got <- "acme " + m.Topic() }))
	done(t, theirs.Subscribe("#", 1, func(_ mqtt.Client, m mqtt.Message) { got <- "globex " + m.Topic() }))
	pump, err := enter(t, acme, "pump", "pump", "12345")
	require.NoError(t, err)
	done(t, pump.Publish("pump/pressure", 1, true, "3.1"))
	require.Equal(t, "acme pump/pressure", next(t, got))
	done(t, theirs.Publish("tank/level", 1, false, "7"))
	require.Equal(t, "globex tank/level", next(t, got))

	// A user stays within its topics; MQTT 3.1.1 tells of a Subscription that was refused.
	token := pump.Subscribe("tank/#", 1, nil)
	require.True(t, token.WaitTimeout(patience))
	require.Equal(t, byte(0x80), token.(*mqtt.SubscribeToken).Result()["tank/#"])
	done(t, pump.Subscribe("pump/+", 1, func(_ mqtt.Client, m mqtt.Message) { got <- "pump " + string(m.Payload()) }))
	require.Equal(t, "pump 3.1", next(t, got))

	// One is stopped, and the other goes on.
	require.Equal(t, http.StatusNotFound, post(t, host+"/tenants/umbrella/stop"))
	require.Equal(t, http.StatusNoContent, post(t, host+"/tenants/acme/stop"))
	all = list(t, host)
	require.Equal(t, troupe.InstanceStopped, all[0].State)
	require.Equal(t, troupe.InstanceRunning, all[1].State)
	done(t, theirs.Publish("tank/level", 1, false, "8"))
	require.Equal(t, "globex tank/level", next(t, got))

	// It comes back with what it kept.
	require.Equal(t, http.StatusNoContent, post(t, host+"/tenants/acme/start"))
	again, err := enter(t, list(t, host)[0], "again", "operator", "hunter2")
	require.NoError(t, err)
	done(t, again.Subscribe("pump/+", 1, func(_ mqtt.Client, m mqtt.Message) { got <- "kept " + string(m.Payload()) }))
	require.Equal(t, "kept 3.1", next(t, got))
}

// Two tenants with one address: nothing is opened.
func TestConflict(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tenants.json")
	require.NoError(t, os.WriteFile(file, []byte(`[{"name": "a", "address": "127.0.0.1:1884"}, {"name": "b", "address": "127.0.0.1:1884"}]`), 0o600))
	err := run(t.Context(), file, "", "127.0.0.1:0", nil)
	require.ErrorContains(t, err, "127.0.0.1:1884")
	require.ErrorContains(t, err, "instance a")
}

func list(t *testing.T, host string) (all []troupe.Instance) {
	t.Helper()
	response, err := http.Get(host + "/tenants")
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(body, &all), "%s", body)
	return all
}

func post(t *testing.T, url string) (status int) {
	t.Helper()
	response, err := http.Post(url, "", nil)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode
}

func enter(t *testing.T, tenant troupe.Instance, id, username, password string) (mqtt.Client, error) {
	t.Helper()
	require.Equal(t, troupe.InstanceRunning, tenant.State)
	o := mqtt.NewClientOptions().AddBroker("tcp://" + tenant.Listeners[0].Address).SetClientID(id).
		SetUsername(username).SetPassword(password).SetAutoReconnect(false)
	c := mqtt.NewClient(o)
	t.Cleanup(func() { c.Disconnect(250) })
	token := c.Connect()
	require.True(t, token.WaitTimeout(patience), "no answer")
	return c, token.Error()
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
