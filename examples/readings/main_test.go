package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

const patience = 20 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestReadings(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	web, sensors := make(chan string, 1), make(chan string, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, settings{web: "127.0.0.1:0", mqtt: "127.0.0.1:0", token: "secret"}, func(w string, m net.Addr) { web <- w; sensors <- m.String() })
	}()
	t.Cleanup(func() { // after the Clients
		cancel()
		require.NoError(t, <-ended)
	})
	var host, tcp string
	select {
	case host = <-web:
		tcp = <-sensors
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)

	// A page that follows all sensors, and one that follows one.
	all, kitchen := follow(t, "http://"+host+"/readings/+/events"), follow(t, "http://"+host+"/readings/kitchen/events")

	// A sensor over TCP, one over WebSocket, one over HTTP.
	for client, address := range map[string]string{"kitchen": "tcp://" + tcp, "cellar": "ws://" + host + "/mqtt"} {
		c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(address).SetClientID(client))
		done(t, c.Connect())
		t.Cleanup(func() { c.Disconnect(250) })
		done(t, c.Publish("readings/"+client, 1, true, client+" reading"))
	}
	require.Equal(t, http.StatusNoContent, post(t, "http://"+host+"/readings/attic", "attic reading"))

	got := map[string]string{}
	for range 3 {
		event := all()
		got[event["sensor"]] = event["reading"]
	}
	want := map[string]string{"kitchen": "kitchen reading", "cellar": "cellar reading", "attic": "attic reading"}
	require.Equal(t, want, got)
	require.Equal(t, map[string]string{"sensor": "kitchen", "reading": "kitchen reading"}, kitchen())
	require.Eventually(t, func() bool {
		var latest map[string]string
		require.NoError(t, json.Unmarshal(get(t, "http://"+host+"/readings", "", http.StatusOK), &latest))
		return len(latest) == 3 && latest["attic"] == "attic reading"
	}, patience, 5*time.Millisecond)

	// Who comes later gets what was kept.
	require.Equal(t, map[string]string{"sensor": "attic", "reading": "attic reading"}, follow(t, "http://"+host+"/readings/attic/events")())

	require.Equal(t, http.StatusBadRequest, post(t, "http://"+host+"/readings/%23", "no Topic Name"))
	require.Equal(t, http.StatusRequestEntityTooLarge, post(t, "http://"+host+"/readings/large", strings.Repeat("x", largest+1)))
	get(t, "http://"+host+"/broker/openapi.json", "", http.StatusUnauthorized)
	get(t, "http://"+host+"/broker/openapi.json", "wrong", http.StatusUnauthorized)
	require.Contains(t, string(get(t, "http://"+host+"/broker/openapi.json", "secret", http.StatusOK)), `"openapi"`)
}

// The port of the sensors is taken: the service says so and is gone.
func TestPortTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	err = run(t.Context(), settings{web: "127.0.0.1:0", mqtt: taken.Addr().String()}, nil)
	require.ErrorContains(t, err, taken.Addr().String())
	err = run(t.Context(), settings{web: taken.Addr().String(), mqtt: "127.0.0.1:0"}, nil)
	require.ErrorContains(t, err, taken.Addr().String())
}

func done(t *testing.T, token mqtt.Token) {
	t.Helper()
	require.True(t, token.WaitTimeout(patience), "no answer")
	require.NoError(t, token.Error())
}

func post(t *testing.T, url, body string) (status int) {
	t.Helper()
	response, err := http.Post(url, "text/plain", strings.NewReader(body))
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode
}

func get(t *testing.T, url, token string, status int) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, status, response.StatusCode, url)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return body
}

// follow opens a stream of events; each call of next is one. When it returns, the
// subscription is in place.
func follow(t *testing.T, url string) (next func() map[string]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	require.Equal(t, http.StatusOK, response.StatusCode)
	lines := bufio.NewScanner(response.Body)
	return func() (event map[string]string) {
		t.Helper()
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				require.NoError(t, json.Unmarshal([]byte(data), &event))
				return event
			}
		}
		require.FailNow(t, "no event", "%v", lines.Err())
		return nil
	}
}
