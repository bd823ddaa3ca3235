package bridge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// island is one broker among several that are bridged to one another.
type island struct {
	*broker
	witness *witness
	traffic *traffic
}

// islands starts so many brokers; entries gives the bridges of each, by its number and the URIs of all.
func islands(t *testing.T, count int, entries func(i int, uris []string) []string) (all []*island) {
	t.Helper()
	uris := make([]string, count)
	for i := range count {
		b := newBroker(t, "troupe")
		uris[i] = b.uri()
		all = append(all, &island{broker: b})
	}
	for i, b := range all {
		config := fmt.Sprintf("name: island-%d\ndurability: process\n", i)
		if mine := entries(i, uris); len(mine) > 0 {
			config += "bridges:\n" + strings.Join(mine, "")
		}
		b.configure(config)
		b.start()
	}
	for i, b := range all {
		b.witness = watch5(t, b.broker, "five", "shared/data/#")
		b.traffic = newTraffic(t, b.broker, fmt.Sprintf("shared/data/%d", i), 2*time.Millisecond)
	}
	return all
}

// requireOnce has a message published on every island come to every island once, and nothing go round.
func requireOnce(t *testing.T, all []*island, connected func(from, to int) bool) {
	t.Helper()
	for i, from := range all {
		for j, to := range all {
			if i != j && connected(i, j) {
				flows(t, from.broker, to.broker, "shared")
			}
		}
	}
	for _, b := range all {
		b.traffic.start(100)
	}
	for _, b := range all {
		b.traffic.wait()
	}
	for _, from := range all {
		for _, to := range all {
			requireAll(t, from.traffic, exactly, to.witness)
		}
	}
	// What went round would come behind what was published last.
	<-time.After(500 * time.Millisecond)
	for _, from := range all {
		for _, to := range all {
			for _, v := range from.traffic.verdicts(to.witness) {
				require.Empty(t, v.repeated, "%v", v)
			}
		}
	}
}

// TestMesh has a bridge from each of three brokers to each other, with messages handed on over one bridge.
func TestMesh(t *testing.T) {
	t.Parallel()
	all := islands(t, 3, func(i int, uris []string) (entries []string) {
		for j, uri := range uris {
			if i != j {
				entries = append(entries, bridgeEntry(fmt.Sprintf("to-%d", j), []string{uri}, "hops: 1", "forward: [{local: shared/#}]"))
			}
		}
		return entries
	})
	requireOnce(t, all, func(int, int) bool { return true })
}

// TestBothWays bridges two brokers on the same topics both ways: with a bridge on each, and with one that does both.
func TestBothWays(t *testing.T) {
	t.Run("two bridges", func(t *testing.T) {
		t.Parallel()
		all := islands(t, 2, func(i int, uris []string) []string {
			return []string{bridgeEntry("other", []string{uris[1-i]}, "forward: [{local: shared/#}]")}
		})
		requireOnce(t, all, func(int, int) bool { return true })
	})
	for _, protocol := range []int{5, 4, 3} {
		t.Run(fmt.Sprintf("one bridge with protocol %d", protocol), func(t *testing.T) {
			t.Parallel()
			all := islands(t, 2, func(i int, uris []string) []string {
				if i == 1 {
					return nil
				}
				return []string{bridgeEntry("other", []string{uris[1]}, fmt.Sprintf("protocol: %d", protocol),
					"forward: [{local: shared/#}]", "receive: [{remote: shared/#}]")}
			})
			requireOnce(t, all, func(int, int) bool { return true })
		})
	}
}

// TestRing has three brokers of which each forwards to the next: a message ends where it came from.
func TestRing(t *testing.T) {
	t.Parallel()
	all := islands(t, 3, func(i int, uris []string) []string {
		return []string{bridgeEntry("next", []string{uris[(i+1)%3]}, "forward: [{local: shared/#}]")}
	})
	requireOnce(t, all, func(from, to int) bool { return to == (from+1)%3 })
}

// TestMosquittoBothWays bridges with Mosquitto on the same topics both ways, from our side and from its.
func TestMosquittoBothWays(t *testing.T) {
	for _, protocol := range []int{5, 4} {
		t.Run(fmt.Sprintf("ours with protocol %d", protocol), func(t *testing.T) {
			t.Parallel()
			other := mosquitto(t)
			ours := troupe(t, "name: island-0\ndurability: process\n"+bridges("other", []string{other.uri()}, fmt.Sprintf("protocol: %d", protocol),
				"forward: [{local: shared/#}]", "receive: [{remote: shared/#}]"))
			requireOnce(t, islandsOf(t, ours, other), func(int, int) bool { return true })
		})
	}
	for _, version := range []string{"mqttv31", "mqttv311"} {
		t.Run("its with "+version, func(t *testing.T) {
			t.Parallel()
			ours := troupe(t, "name: island-0\ndurability: process\n")
			other := mosquitto(t, bridging(ours.address, version, "topic shared/# both 2")...)
			requireOnce(t, islandsOf(t, ours, other), func(int, int) bool { return true })
		})
	}
}

func islandsOf(t *testing.T, brokers ...*broker) (all []*island) {
	t.Helper()
	for i, b := range brokers {
		all = append(all, &island{b, watch5(t, b, "five", "shared/data/#"), newTraffic(t, b, fmt.Sprintf("shared/data/%d", i), 2*time.Millisecond)})
	}
	return all
}

// bridging is the configuration of a bridge of Mosquitto's.
func bridging(address, version string, lines ...string) []string {
	return append([]string{
		"connection up", "address " + address, "bridge_protocol_version " + version, "cleansession false", "restart_timeout 1 2",
		"keepalive_interval 5", "notifications false", "try_private true",
	}, lines...)
}
