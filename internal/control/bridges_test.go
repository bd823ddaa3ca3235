package control

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBridges(t *testing.T) {
	dir := directory(t)
	at := time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)
	want := []Bridge{{
		Name: "uplink", State: "connected", Upstream: "mqtt://node1:1883", Since: &at, Switches: 2, Queued: 3, QueuedAge: 1.5, Strained: true,
		Dropped: map[string]int64{"full": 4}, Upstreams: []Upstream{{Name: "mqtt://node1:1883", State: "carries"}},
	}, {Name: "other", State: "waiting", Error: "refused", ErrorAt: &at}}
	serve(t, dir, Handlers{Bridges: func(context.Context) ([]Bridge, error) { return want, nil }})
	got, err := connect(t, dir).Bridges(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestOrder(t *testing.T) {
	dir := directory(t)
	got := make(chan Order, 10)
	serve(t, dir, Handlers{Order: func(_ context.Context, o Order) error {
		got <- o
		switch o.Bridge {
		case "none":
			return fmt.Errorf("%w: there is no bridge none", ErrUnknown)
		case "paused":
			return errors.New("it is paused")
		}
		return nil
	}})
	c := connect(t, dir)
	require.NoError(t, c.Order(t.Context(), Order{"up/link", "switch", "mqtt://b:1883?x&y"}))
	require.Equal(t, Order{"up/link", "switch", "mqtt://b:1883?x&y"}, <-got)

	err := c.Order(t.Context(), Order{Bridge: "none", Action: "pause"})
	var p *Problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, Problem{Status: 404, Title: "Not Found", Detail: "there is no bridge none"}, *p)
	require.ErrorContains(t, c.Order(t.Context(), Order{Bridge: "paused", Action: "switch"}), "it is paused")
}
