package troupe

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/protocol/packet"
)

// scrape is what a registry has, by name and labels.
func scrape(t testing.TB, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	all, err := g.Gather()
	require.NoError(t, err)
	samples := make(map[string]float64)
	for _, f := range all {
		for _, m := range f.Metric {
			key := f.GetName()
			for _, l := range m.Label {
				key += " " + l.GetValue()
			}
			samples[key] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return samples
}

// Of several Brokers in one registry each tells of its own load alone.
func TestMetricsAreOfOneBroker(t *testing.T) {
	const brokers = 5
	registry := prometheus.NewPedanticRegistry()
	var all []*Broker
	for i := range brokers {
		b := startWith(t, func(c *configs.Config) { c.Name, c.Sys.Interval = fmt.Sprint("b", i), 0 })
		registry.MustRegister(b.Metrics())
		all = append(all, b)
	}
	before := scrape(t, registry)
	for i := range brokers {
		require.Equal(t, 1.0, before[fmt.Sprint("troupe_up b", i)])
		require.Contains(t, before, fmt.Sprint("troupe_messages_received_total b", i))
	}
	c := connect(t, all[2], "loud")
	for range 20 {
		require.Equal(t, packet.NoMatchingSubscribers, c.publish(packet.QoS1, "to/nobody", "x"))
	}
	after := scrape(t, registry)
	require.Equal(t, 20.0, after["troupe_messages_received_total b2"])
	require.Equal(t, 1.0, after["troupe_clients_connected b2"])
	for sample, value := range before {
		if !strings.Contains(sample+" ", " b2 ") {
			require.Equal(t, value, after[sample], sample)
		}
	}
	require.NoError(t, all[2].Shutdown(within(t)))
	ended := scrape(t, registry)
	require.Zero(t, ended["troupe_up b2"])
	require.NotContains(t, ended, "troupe_messages_received_total b2")
	require.Contains(t, ended, "troupe_messages_received_total b1")
}

// Before Start and after Shutdown there is one sample, and one that has the name of
// another takes its place.
func TestMetricsOfABrokerThatDoesNotRun(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	b, err := New(WithName("edge"), WithDataDir(""), WithAddress("127.0.0.1:0"))
	require.NoError(t, err)
	require.NoError(t, registry.Register(b.Metrics()))
	require.Equal(t, map[string]float64{"troupe_up edge": 0}, scrape(t, registry))
	require.NoError(t, b.Start(within(t)))
	require.Equal(t, 1.0, scrape(t, registry)["troupe_up edge"])
	require.NoError(t, b.Shutdown(within(t)))
	require.Equal(t, map[string]float64{"troupe_up edge": 0}, scrape(t, registry))
	again, err := New(WithName("edge"), WithDataDir(""))
	require.NoError(t, err)
	require.ErrorAs(t, registry.Register(again.Metrics()), new(prometheus.AlreadyRegisteredError))
	require.True(t, registry.Unregister(b.Metrics()))
	require.NoError(t, registry.Register(again.Metrics()))
}

// askMetrics is the answer of an address over HTTP.
func askMetrics(t *testing.T, address, path string) (status int, text string) {
	t.Helper()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + address + path)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(body)
}

// At its own address the instance tells of itself and does nothing else, and leaves
// nothing of it.
func TestMetricsAddress(t *testing.T) {
	before := goleak.IgnoreCurrent()
	b := startWith(t, func(c *configs.Config) { c.Name, c.Metrics.Address = "edge", "127.0.0.1:0" })
	address := b.Status().MetricsAddress
	status, text := askMetrics(t, address, "/metrics")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, "\ntroupe_up{broker=\"edge\"} 1\n")
	for _, path := range []string{"/", "/v1/instances", "/openapi.json"} {
		status, _ = askMetrics(t, address, path)
		require.Equal(t, http.StatusNotFound, status, path)
	}
	// The same is at the control endpoint.
	w := httptest.NewRecorder()
	b.AdminHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Body.String(), "\ntroupe_up{broker=\"edge\"} 1\n")

	idle, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer idle.Close()
	c := b.Config()
	c.Metrics.Address = "127.0.0.1:1"
	restart, err := b.Reload(within(t), c)
	require.NoError(t, err)
	require.Equal(t, []string{"metrics.address"}, restart)
	require.NoError(t, b.Shutdown(within(t)))
	require.Empty(t, b.Status().MetricsAddress)
	free, err := net.Listen("tcp", address)
	require.NoError(t, err)
	require.NoError(t, free.Close())
	goleak.VerifyNone(t, before)
}

// A port that somebody else has is named by Probe and Start, and nothing stays open.
func TestMetricsAddressThatIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, free.Close())
	c := configs.Defaults()
	c.DataDir, c.Listeners[0].Address, c.Metrics.Address = "", free.Addr().String(), taken.Addr().String()
	b, err := New(WithConfig(c))
	require.NoError(t, err)
	err = b.Probe(within(t))
	require.ErrorContains(t, err, "metrics: cannot listen on "+taken.Addr().String()+": ")
	require.EqualError(t, b.Start(within(t)), err.Error())
	again, err := net.Listen("tcp", free.Addr().String())
	require.NoError(t, err, "the listener is closed")
	require.NoError(t, again.Close())
}

// A start that fails behind its ports closes that of the metrics too.
func TestMetricsAddressOfAStartThatFails(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, free.Close())
	dir := t.TempDir()
	owner := startWith(t, func(c *configs.Config) { c.DataDir = dir })
	c := configs.Defaults()
	c.DataDir, c.Listeners[0].Address, c.Metrics.Address = dir, "127.0.0.1:0", free.Addr().String()
	b, err := New(WithConfig(c))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.Error(t, b.Start(ctx))
	again, err := net.Listen("tcp", free.Addr().String())
	require.NoError(t, err)
	require.NoError(t, again.Close())
	require.NoError(t, owner.Shutdown(within(t)))
}
