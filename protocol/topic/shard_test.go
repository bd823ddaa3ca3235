package topic

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestShardOfFilter(t *testing.T) {
	const n = 7
	for filter, meets := range map[string]string{
		"a":              "a",
		"/":              "/",
		"a/":             "a/",
		"a/b":            "a/b",
		"a/b/c":          "a/b/x",
		"a/b/#":          "a/b",
		"a/b/+/#":        "a/b/c/d",
		"$share/g/a/b/+": "a/b/c",
		"$share/g/a":     "a",
		"$SYS/broker/#":  "$SYS/broker/version",
	} {
		require.Equal(t, NameShard([]byte(meets), n), FilterShard(filter, n), filter)
		require.Less(t, FilterShard(filter, n), n, filter)
	}
	for _, filter := range []string{"#", "+", "a/#", "a/+", "+/a", "+/a/b", "a/+/b", "$share/g/#", "$share/g/a/+/b", "$SYS/#"} {
		require.Equal(t, n, FilterShard(filter, n), filter)
	}
}

func TestFilterAndNameMeetInAShard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		filter, name := subscriptionGen.Draw(t, "filter"), nameGen.Draw(t, "name")
		n := rapid.IntRange(1, 9).Draw(t, "n")
		_, rest, _ := cutShare(filter)
		at, from := FilterShard(filter, n), NameShard([]byte(name), n)
		if from < 0 || from >= n || at < 0 || at > n {
			t.Fatalf("shards %d, %d of %d", at, from, n)
		}
		if Match(rest, name) && at != n && at != from {
			t.Fatalf("%q is in %d, %q looks in %d", filter, at, name, from)
		}
	})
}

// shares returns which part of 20,000 filters is in the wildcard shard and in
// the fullest of 8 literal ones.
func shares(levels int, filter func(i int) string) (wildcard, fullest float64) {
	const shards, filters = 8, 20000
	var in [shards + 1]int
	for i := range filters {
		in[filterShard(filter(i), shards, levels)]++
	}
	return float64(in[shards]) / filters, float64(slices.Max(in[:shards])) / filters
}

func device(i int) string {
	tail := []string{"#", "+/state", "commands", "telemetry/temperature"}
	return fmt.Sprintf("devices/%d/%s", i/len(tail), tail[i%len(tail)])
}

// TestTwoLevelsSpreadDevices is why shardLevels is what it is.
func TestTwoLevelsSpreadDevices(t *testing.T) {
	wildcard, fullest := shares(1, device)
	require.Equal(t, [2]float64{0, 1}, [2]float64{wildcard, fullest}, "one level: all in one")
	wildcard, fullest = shares(shardLevels, device)
	require.Zero(t, wildcard)
	require.InDelta(t, 1.0/8, fullest, 0.02)
	wildcard, _ = shares(3, device)
	require.Equal(t, 0.5, wildcard, "three levels: half in the wildcard shard")
	// Topics that differ in the first level alone spread as well.
	_, fullest = shares(shardLevels, func(i int) string { return fmt.Sprintf("t%d", i) })
	require.InDelta(t, 1.0/8, fullest, 0.02)
}

func TestShardingDoesNotAllocate(t *testing.T) {
	name := []byte("devices/4711/state")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if NameShard(name, 8) != FilterShard("devices/4711/#", 8) {
			t.Error("do not meet")
		}
	}))
}
