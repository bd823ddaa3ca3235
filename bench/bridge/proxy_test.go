package bridge

import (
	"context"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// proxy is the network between a bridge and an upstream.
type proxy struct {
	t       testing.TB
	proxy   *toxiproxy.Proxy
	address string
}

func newProxy(t testing.TB, upstream *broker) *proxy {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := toxiproxy.NewProxy(server, upstream.kind, "127.0.0.1:0", upstream.address)
	require.NoError(t, p.Start())
	t.Cleanup(p.Stop)
	return &proxy{t, p, p.Listen}
}

func (p *proxy) uri() string { return "mqtt://" + p.address }

// toxic adds one, in both directions unless it names one.
func (p *proxy) toxic(kind, attributes string, directions ...string) {
	p.t.Helper()
	if len(directions) == 0 {
		directions = []string{"upstream", "downstream"}
	}
	for _, d := range directions {
		_, err := p.proxy.Toxics.AddToxicJson(strings.NewReader(`{"type": "` + kind + `", "stream": "` + d + `", "attributes": ` + attributes + `}`))
		require.NoError(p.t, err)
	}
}

// heal takes all toxics away. What was swallowed stays so: those connections are closed.
func (p *proxy) heal() { p.proxy.Toxics.ResetToxics(context.Background()) }

// down closes the port and all connections.
func (p *proxy) down() { p.proxy.Stop() }

func (p *proxy) up() { require.NoError(p.t, p.proxy.Start()) }
