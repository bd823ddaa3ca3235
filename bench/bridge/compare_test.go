package bridge

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestCompare does to Mosquitto's bridge what TestOneUpstream and TestFailover do to ours, and shows what becomes of the messages. It runs with
// -compare, and asserts nothing.
func TestCompare(t *testing.T) {
	if !*compare {
		t.Skip("run with -compare")
	}
	for _, version := range []string{"mqttv311", "mqttv50"} {
		t.Run(version, func(t *testing.T) { compareVersion(t, version) })
	}
}

func compareVersion(t *testing.T, version string) {
	for _, f := range faults() {
		for _, d := range []direction{forward, receive} {
			t.Run("one upstream/"+f.name+"/"+string(d), func(t *testing.T) {
				t.Parallel()
				s := &scene{upstream: peer(t, "troupe")}
				s.proxy = newProxy(t, s.upstream)
				s.local = mosquitto(t, bridging(s.proxy.address, version, "topic out/# out 2", "topic in/# in 2")...)
				from, to, root := d.ends(s)
				w := watch5(t, to, "five", root+"/#")
				flows(t, from, to, root)
				pace := 10 * time.Millisecond
				x := newTraffic(t, from, root, pace)
				x.start(int(f.last/pace) + 100)
				f.happen(s)
				x.wait()
				start := time.Now()
				shown(t, x, start, w)
			})
		}
	}
	silent := fault{name: "silently cut", begin: func(s *scene) { s.proxy.toxic("timeout", `{"timeout": 0}`) }}
	for _, f := range []fault{killed(), frozen(), silent} {
		t.Run("failover/"+f.name, func(t *testing.T) {
			t.Parallel()
			a, b := &scene{upstream: peer(t, "troupe")}, &scene{upstream: peer(t, "troupe")}
			a.proxy, b.proxy = newProxy(t, a.upstream), newProxy(t, b.upstream)
			local := mosquitto(t, bridging(a.proxy.address+" "+b.proxy.address, version, "topic out/# out 2", "round_robin true")...)
			first, second := watch5(t, a.upstream, "five", "out/#"), watch5(t, b.upstream, "five", "out/#")
			flows(t, local, a.upstream, "out")
			x := newTraffic(t, local, "out", 10*time.Millisecond)
			x.start(500)
			start := time.Now()
			f.begin(a)
			if assert.Eventually(new(testing.T), func() bool { return second.count() > 0 }, 2*patience, time.Millisecond) {
				t.Logf("messages flow through the second upstream after %v", second.since(start))
			} else {
				t.Logf("no message came to the second upstream within %v", 2*patience)
			}
			x.wait()
			shown(t, x, start, first, second)
		})
	}
}

// shown waits a while for all to come, and says what did.
func shown(t *testing.T, x *traffic, start time.Time, witnesses ...*witness) {
	if assert.Eventually(new(testing.T), func() bool { return x.arrived(witnesses...) }, patience/3, 10*time.Millisecond) {
		t.Logf("all had come after %v", time.Since(start).Round(time.Millisecond))
	}
	for _, v := range x.verdicts(witnesses...) {
		t.Log(v)
	}
}
