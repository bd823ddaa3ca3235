package main

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

// scraped is what an address tells Prometheus, by name and the values of labels.
func scraped(t *testing.T, client *http.Client, target string) map[string]float64 {
	t.Helper()
	answer, err := client.Get(target)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	require.NoError(t, err)
	samples := make(map[string]float64)
	for name, f := range families {
		require.NotEmpty(t, f.GetHelp(), name)
		for _, m := range f.Metric {
			key := name
			for _, l := range m.Label {
				key += " " + l.GetValue()
			}
			samples[key] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return samples
}

// Each of two instances has an address for Prometheus that tells of it alone, and the
// control endpoint of either tells of both.
func TestMetricsOfInstances(t *testing.T) {
	s := serveSeveral(t, place(t), map[string]string{"all.yaml": `data_dir: data
sys: {interval: 0s}
instances:
- {name: a, listeners: [{name: tcp, address: "127.0.0.1:0"}], metrics: {address: "127.0.0.1:0"}}
- {name: b, listeners: [{name: tcp, address: "127.0.0.1:0"}], metrics: {address: "127.0.0.1:0"}}
`}, "-c", "all.yaml")
	at := make(map[string]string)
	for _, name := range []string{"a", "b"} {
		line := s.says("troupe: " + name + ": metrics at ")
		at[name] = regexp.MustCompile(`http://\S+`).FindString(line)
		require.NotEmpty(t, at[name])
	}
	web := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	quiet := scraped(t, web, at["b"])
	require.Equal(t, 1.0, quiet["troupe_up b"])

	c := paho3(t, s.address("a"), 4, "c", nil)
	c.subscribe("x", 1)
	for range 30 {
		c.publish("x", 1, false, "y")
	}
	for range 30 {
		c.expect("y")
	}
	loud := scraped(t, web, at["a"])
	require.Equal(t, 30.0, loud["troupe_messages_received_total a"])
	require.Equal(t, 1.0, loud["troupe_clients_connected a"])
	require.Zero(t, loud["troupe_messages_dropped_total a queue_full"])
	for sample := range loud {
		require.Regexp(t, `^\S+ a( |$)`, sample, "of another")
	}
	after := scraped(t, web, at["b"])
	for _, counter := range []string{"messages_received_total", "messages_sent_total", "packets_received_total", "received_bytes_total", "connections_accepted_total"} {
		require.Zero(t, after["troupe_"+counter+" b"], counter)
	}

	u, err := url.Parse(at["a"])
	require.NoError(t, err)
	answer, err := web.Get("http://" + u.Host + "/v1/instances")
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusNotFound, answer.StatusCode, "it does nothing else")

	if runtime.GOOS == "linux" {
		socket := filepath.Join(s.dir, "data", "b", "control.sock")
		unix := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}}}
		both := scraped(t, unix, "http://instance/metrics")
		require.Equal(t, 30.0, both["troupe_messages_received_total a"])
		require.Zero(t, both["troupe_messages_received_total b"])
		require.Equal(t, 1.0, both["troupe_up b"])
		require.Equal(t, exitDone, work(t, s.dir, nil, "ctl", "instance", "stop", "a", "-c", "all.yaml").code)
		both = scraped(t, unix, "http://instance/metrics")
		require.Zero(t, both["troupe_up a"])
		require.NotContains(t, both, "troupe_messages_received_total a")
	}
}

// Who has the port of the metrics is named, as of a listener, and nothing starts.
func TestMetricsAddressThatIsTaken(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	config := "data_dir: ''\nlisteners: [{name: tcp, address: '127.0.0.1:0'}]\nmetrics: {address: '" + busy.Addr().String() + "'}\n"
	r := command(t, config, nil, "serve", "-c", "c.yaml")
	require.Equal(t, exitFailure, r.code)
	require.Regexp(t, `^troupe: metrics: cannot listen on `+busy.Addr().String()+`: .*in use by `+holding(os.Getpid())+`\n$`, r.stderr)
}
