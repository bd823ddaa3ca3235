package session_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// TestDurable plays random lives of a durable Session: connections and the process break, groups are committed late, pages are loaded
// late, what waits is spilled all the time. What was acknowledged comes in the end, QoS 2 exactly once, each publisher's in order; the
// Client is told nothing that is not safe; nothing is left in the store.
func TestDurable(t *testing.T) {
	for range 20 {
		rapid.Check(t, func(t *rapid.T) { live(t, newKeeper(t, true), true) })
	}
}

// TestDurableWithoutWaiting: with durability `memory` nothing waits for the store.
func TestDurableWithoutWaiting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { live(t, newKeeper(t, false), false) })
}

func live(t *rapid.T, k *keeper, crashes bool) {
	count := func(t *rapid.T, most int) int { return rapid.IntRange(1, most).Draw(t, "n") }
	stream := func(t *rapid.T) *stream { return rapid.SampledFrom(k.streams).Draw(t, "stream") }
	k.connect()
	actions := map[string]func(*rapid.T){
		"deliver": func(t *rapid.T) { k.deliver(stream(t), count(t, 5)) },
		"flood": func(t *rapid.T) {
			for range count(t, 8) {
				k.deliver(stream(t), count(t, 5))
			}
		},
		"enter": func(t *rapid.T) { k.enter(stream(t), count(t, 3)) },
		"enter-all": func(*rapid.T) {
			for _, st := range k.streams {
				k.enter(st, len(st.open))
			}
		},
		"route":   func(t *rapid.T) { k.route(count(t, 3)) },
		"collect": func(t *rapid.T) { k.collect(rapid.IntRange(0, 4).Draw(t, "quiet") == 0) },
		"store":   func(*rapid.T) { k.store() },
		"tell":    func(*rapid.T) { k.tell() },
		"commit": func(*rapid.T) {
			for len(k.staged)+len(k.told) > 0 {
				k.store()
				k.tell()
			}
		},
		"scarce": func(t *rapid.T) { k.memory = rapid.SampledFrom([]int64{0, 1, 40, 200}).Draw(t, "memory") },
		"look":   func(*rapid.T) { k.look() },
		"load":   func(*rapid.T) { k.load() },
		"publish": func(t *rapid.T) {
			qos := packet.QoS(rapid.IntRange(1, 2).Draw(t, "qos"))
			for range count(t, 4) {
				k.published = append(k.published, k.p.publish(qos, "t"))
			}
		},
		"subscribe":   func(*rapid.T) { k.subscribe() },
		"subscribed":  func(*rapid.T) { k.subscribed() },
		"up":          func(t *rapid.T) { k.up(count(t, 400)) },
		"down":        func(t *rapid.T) { k.down(count(t, 400)) },
		"acknowledge": func(t *rapid.T) { k.p.acknowledge(count(t, 6)) },
		"exchange": func(*rapid.T) {
			k.down(len(k.p.down))
			k.p.acknowledge(len(k.p.answers))
			k.up(len(k.p.up))
		},
		"cut":     func(*rapid.T) { k.cut() },
		"connect": func(*rapid.T) { k.connect() },
		"congest": func(t *rapid.T) {
			on := rapid.Bool().Draw(t, "on")
			k.do(func(s *session.Session, out *session.Output) { s.Congest(on, k.now, out) })
		},
		"wait": func(t *rapid.T) {
			k.now += int64(count(t, 3000))
			k.tick()
		},
		"recover": func(*rapid.T) {
			k.lose()
			k.do(func(s *session.Session, out *session.Output) { s.Recover(k.now, out) })
		},
		"rest": func(t *rapid.T) { k.rest(rapid.Bool().Draw(t, "forget")) },
	}
	if crashes {
		actions["crash"] = func(*rapid.T) { k.crash() }
	}
	t.Repeat(actions)
	k.settle()
	k.check()
}
