package nullbroker

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseID(t *testing.T) {
	for id, want := range map[string]string{
		"bench-pub-0":         "bench 0 false true",
		"a-pub-b-sub-17":      "a-pub-b 17 true true",
		"-pub-3":              " 3 false true",
		"bench-pub-":          " 0 false false",
		"bench-pub--1":        "bench-pub- 0 false false",
		"bench-pub-x":         " 0 false false",
		"bench-pub-131072":    " 0 false false",
		"bench-other-1":       "bench-other 1 true false",
		"troupe-bench-probe":  " 0 false false",
		"":                    " 0 false false",
		"bench-pub-999999999": " 0 false false",
	} {
		name, number, subscribes, ok := parseID(id)
		if !ok && want[len(want)-5:] == "false" {
			continue
		}
		require.Equal(t, want, fmt.Sprint(name, " ", number, " ", subscribes, " ", ok), id)
	}
}

// numbers are those of connections.
func numbers(conns []*conn) (all []int) {
	for _, c := range conns {
		all = append(all, c.number)
	}
	return all
}

func TestPairing(t *testing.T) {
	for _, test := range []struct {
		publishers, subscribers int
		receivers, feeders      [][]int // of each publisher, of each subscriber
		acknowledged            bool
	}{
		{2, 2, [][]int{{0}, {1}}, [][]int{{0}, {1}}, true},
		{1, 3, [][]int{{0, 1, 2}}, [][]int{{0}, {0}, {0}}, false},
		{2, 4, [][]int{{0, 2}, {1, 3}}, [][]int{{0}, {1}, {0}, {1}}, false},
		{3, 1, [][]int{{0}, {0}, {0}}, [][]int{{0, 1, 2}}, false},
		{4, 2, [][]int{{0}, {1}, {0}, {1}}, [][]int{{0, 2}, {1, 3}}, false},
		{2, 0, [][]int{nil, nil}, nil, false},
		{0, 1, nil, [][]int{nil}, false},
	} {
		g := new(group)
		for i := range test.publishers {
			require.Nil(t, g.join(new(conn), i, false))
		}
		for i := range test.subscribers {
			require.Nil(t, g.join(new(conn), i, true))
		}
		g.link()
		require.False(t, g.changed)
		var receivers, feeders [][]int
		for _, c := range g.publishers {
			receivers = append(receivers, numbers(c.receivers))
		}
		for _, c := range g.subscribers {
			feeders = append(feeders, numbers(c.feeders))
			require.Equal(t, test.acknowledged, len(c.receivers) == 1)
		}
		require.Equal(t, test.receivers, receivers, "%+v", test)
		require.Equal(t, test.feeders, feeders, "%+v", test)
	}
}

func TestLeaving(t *testing.T) {
	g := new(group)
	first, second, publisher := new(conn), new(conn), new(conn)
	g.join(publisher, 0, false)
	g.join(first, 0, true)
	require.Same(t, first, g.join(second, 0, true))
	g.leave(first) // has no place any more
	g.link()
	require.Equal(t, []*conn{second}, publisher.receivers)
	g.leave(second)
	require.True(t, g.changed)
	g.link()
	require.Empty(t, publisher.receivers)
	require.Empty(t, g.subscribers)
}
