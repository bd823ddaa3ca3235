package bridge

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pair is a bridging broker with two upstreams, each behind a proxy.
type pair struct {
	local         *broker
	first, second *scene // as upstreams
}

func newPair(t testing.TB, kind string, lines ...string) *pair {
	t.Helper()
	p := &pair{first: &scene{upstream: peer(t, kind)}, second: &scene{upstream: peer(t, kind)}}
	p.first.proxy, p.second.proxy = newProxy(t, p.first.upstream), newProxy(t, p.second.upstream)
	p.local = troupe(t, "name: bridging\ndurability: process\n"+
		bridges("up", []string{p.first.proxy.uri(), p.second.proxy.uri()}, append(lines, rules...)...))
	return p
}

// begin waits until messages flow through one of the upstreams, and calls that the
// first: on a busy machine the bridge may have given up the other by then.
func (p *pair) begin(t testing.TB) {
	t.Helper()
	one, other := watch5(t, p.first.upstream, "one", "out/early"), watch5(t, p.second.upstream, "other", "out/early")
	early := &publisher{stream: newStream("early", "out/early", 0), broker: p.local}
	require.Eventually(t, func() bool {
		early.run(t.Context(), 1)
		return one.count()+other.count() > 0
	}, patience, 20*time.Millisecond, "no bridge from %s", p.local.address)
	if other.count() > 0 {
		p.first, p.second = p.second, p.first
	}
}

// TestFailover takes the first upstream away while messages flow, and says how long it takes until they flow through the second. None is lost.
func TestFailover(t *testing.T) {
	silent := fault{"silently cut", func(s *scene) { s.proxy.toxic("timeout", `{"timeout": 0}`) }, 0, func(s *scene) { s.proxy.heal() }}
	reset := fault{"reset", func(s *scene) { s.proxy.down() }, 0, func(s *scene) { s.proxy.up() }}
	for _, kind := range []string{"troupe", "mosquitto"} {
		for _, f := range []fault{killed(), frozen(), silent, reset} {
			t.Run(kind+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				p := newPair(t, kind, "order: rotate") // which does not go back
				p.begin(t)
				first, second := watch5(t, p.first.upstream, "five", "out/#"), watch5(t, p.second.upstream, "five", "out/#")
				x := newTraffic(t, p.local, "out", 5*time.Millisecond)
				x.start(400)
				require.Eventually(t, func() bool { return first.count() > 100 }, patience, time.Millisecond)
				start := time.Now()
				f.begin(p.first)
				require.Eventually(t, func() bool { return second.count() > 0 }, patience, time.Millisecond)
				t.Logf("%s: messages flow through the second upstream after %v", t.Name(), second.since(start))
				require.Less(t, second.since(start), 20*time.Second)
				x.wait()
				f.end(p.first)
				if f.name == "killed" && kind != "troupe" {
					t.Log(x.verdicts(first, second)) // what it acknowledged and had not passed on is gone with it
					return
				}
				requireAll(t, x, atLeast, first, second)

				local := watch5(t, p.local, "five", "in/#")
				y := newTraffic(t, p.second.upstream, "in", 0)
				y.start(20)
				y.wait()
				requireAll(t, y, exactly, local)
			})
		}
	}
}

// TestFailback lets the first upstream come while the second has the bridge, and messages flow: the bridge goes over to it, and neither loses nor
// repeats one.
func TestFailback(t *testing.T) {
	for _, kind := range []string{"troupe", "mosquitto"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, kind, "order: priority")
			p.first.proxy.down()
			first, second := watch5(t, p.first.upstream, "five", "out/#"), watch5(t, p.second.upstream, "five", "out/#")
			flows(t, p.local, p.second.upstream, "out")
			x := newTraffic(t, p.local, "out", 5*time.Millisecond)
			x.start(600)
			require.Eventually(t, func() bool { return second.count() > 100 }, patience, time.Millisecond)
			before := first.count() // the bridge may have been there before its proxy went down
			start := time.Now()
			p.first.proxy.up()
			require.Eventually(t, func() bool { return first.count() > before }, patience, time.Millisecond)
			t.Logf("%s: messages flow through the first upstream again after %v", t.Name(), time.Since(start).Round(time.Millisecond))
			x.wait()
			requireAll(t, x, exactly, first, second)
			for _, v := range x.verdicts(first, second) {
				require.Empty(t, v.repeated, "%v", v)
			}
			settled := second.count()
			x.start(20)
			x.wait()
			requireAll(t, x, exactly, first, second)
			require.Equal(t, settled, second.count(), "the second upstream still gets messages")
		})
	}
}

// TestRefused has an upstream that lets the bridge not in: the next one is used, and $SYS says why.
func TestRefused(t *testing.T) {
	t.Parallel()
	strict := mosquitto(t, "allow_anonymous false", "password_file "+passwords(t))
	lax := peer(t, "troupe")
	local := troupe(t, "name: bridging\n"+bridges("up", []string{"mqtt://somebody:wrong@" + strict.address, lax.uri()}, rules...))
	flows(t, local, lax, "out")
	sys := watchTopics(t, local, "$SYS/broker/bridge/up/#")
	require.Eventually(t, func() bool { return sys.has("(?i)0x8[67]|not authorized|bad user name") }, patience, 10*time.Millisecond,
		"%v", lazily(func() any { return sys.all() }))
	require.NotContains(t, sys.String(), "wrong")
	require.NotContains(t, local.log.String(), "wrong")

	// With the right password it is used.
	local.kill()
	local.configure("name: bridging\n" + bridges("up", []string{"mqtt://somebody:right@" + strict.address, lax.uri()}, rules...))
	local.start()
	admitted := newWitness(t, "admitted")
	admitted.subscribeAs(strict, "somebody", "right", "out/#")
	x := newTraffic(t, local, "out", 0)
	x.start(10)
	x.wait()
	requireAll(t, x, exactly, admitted)
}
