package failover

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupemq/troupe/protocol/packet"
)

// host carries actions out as a bridge does, and holds the choice to its rules.
type host struct {
	t         require.TestingT
	f         *Failover
	now       int64
	links     map[ID]*hosted
	attempts  int
	asked     int // events of the operator
	ended     []ID
	told      []Action
	carriedTo []int
}

// hosted is a link as the host knows it.
type hosted struct {
	probe, ready, carry, carries, leave bool
	upstream                            int
}

func newHost(t require.TestingT, o Options, names ...string) *host {
	if o.Rand == nil {
		o.Rand = rand.New(rand.NewPCG(1, 2))
	}
	h := &host{t: t, f: New(o, names), now: 1_000_000, links: make(map[ID]*hosted)}
	h.do(h.f.Start(h.now))
	return h
}

// do carries actions out and looks at the rules.
func (h *host) do(actions []Action) {
	for _, a := range actions {
		h.told = append(h.told, a)
		l := h.links[a.Link]
		switch a.Kind {
		case Connect, Probe:
			require.Nil(h.t, l, "the number of a link is used twice")
			require.NotContains(h.t, h.ended, a.Link)
			h.links[a.Link] = &hosted{probe: a.Kind == Probe, upstream: a.Upstream}
			h.attempts++
		case Carry:
			require.NotNil(h.t, l)
			require.True(h.t, l.ready && !l.probe && !l.carry, "a link that is not ready is to carry")
			require.Zero(h.t, h.of(func(l *hosted) bool { return l.carry }), "there would be two that carry")
			l.carry = true
			h.carriedTo = append(h.carriedTo, l.upstream)
		case Leave:
			require.NotNil(h.t, l)
			require.True(h.t, l.carry && !l.leave, "a link is to leave that does not carry, or twice")
			l.leave = true
		case Stop:
			require.NotNil(h.t, l)
			h.end(a.Link)
		}
	}
	carriers := h.of(func(l *hosted) bool { return l.carry })
	candidates := h.of(func(l *hosted) bool { return !l.carry && !l.probe })
	require.LessOrEqual(h.t, carriers, 1)
	require.LessOrEqual(h.t, candidates, 1)
	require.LessOrEqual(h.t, h.of(func(l *hosted) bool { return l.probe }), 1)
	next := h.f.Next()
	require.True(h.t, next == 0 || next > h.now, "there is something to do at %d, and it is %d", next, h.now)
	staying := h.of(func(l *hosted) bool { return l.carry && !l.leave })
	if !h.f.paused && staying+candidates == 0 {
		require.NotZero(h.t, next, "nothing carries, is connected or waited for")
		require.LessOrEqual(h.t, next-h.now, max(h.f.o.Maximum, h.f.o.LeaveIn))
	}
	if h.f.paused {
		require.Zero(h.t, staying+candidates)
	}
	require.Len(h.t, h.f.Upstreams(), len(h.f.upstreams))
}

func (h *host) of(which func(*hosted) bool) (n int) {
	for _, l := range h.links {
		if which(l) {
			n++
		}
	}
	return n
}

func (h *host) end(id ID) {
	delete(h.links, id)
	h.ended = append(h.ended, id)
}

// ids are the links in their order.
func (h *host) ids() (ids []ID) {
	for id := ID(1); id <= h.f.next; id++ {
		if h.links[id] != nil {
			ids = append(ids, id)
		}
	}
	return ids
}

func (h *host) elapse(milliseconds int64) {
	h.now += milliseconds
	h.do(h.f.Tick(h.now))
}

// until lets time go by, and ticks when it is asked for.
func (h *host) until(at int64) {
	for ticks := 0; ; ticks++ {
		require.Less(h.t, ticks, 10_000, "a busy loop")
		next := h.f.Next()
		if next == 0 || next > at {
			break
		}
		h.now = next
		h.do(h.f.Tick(h.now))
		h.serve()
	}
	h.now = at
	h.do(h.f.Tick(h.now))
	h.serve()
}

func (h *host) ready(id ID) {
	h.links[id].ready = true
	h.do(h.f.Ready(id, h.now))
}

func (h *host) carries(id ID) {
	h.links[id].carries = true
	h.do(h.f.Carries(id, h.now))
}

func (h *host) lose(id ID, end End) {
	h.end(id)
	h.do(h.f.Ended(id, end, h.now))
}

// serve lets all upstreams work: what is asked for is done.
func (h *host) serve() {
	for busy := true; busy; {
		busy = false
		for _, id := range h.ids() {
			l := h.links[id]
			if l == nil {
				continue
			}
			switch {
			case l.leave:
				h.lose(id, End{Asked: true})
			case !l.ready:
				h.ready(id)
			case l.carry && !l.carries:
				h.carries(id)
			default:
				continue
			}
			busy = true
		}
	}
}

// refuse has all links end, again and again, until none comes any more.
func (h *host) refuse(end End) {
	before := h.attempts
	for len(h.links) > 0 {
		h.lose(h.ids()[0], end)
		require.LessOrEqual(h.t, h.attempts-before, 4*len(h.f.upstreams)*(1+referencesMost), "a busy loop")
	}
}

var codes = []packet.ReasonCode{
	packet.Success, packet.ServerBusy, packet.BadUserNameOrPassword, packet.UseAnotherServer, packet.ServerMoved, packet.SessionTakenOver,
}

func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, least, most int) int { return rapid.IntRange(least, most).Draw(t, name) }
		options := func() Options {
			o := Options{
				Order: Order(draw("order", 0, 2)), StayFor: int64(draw("stay", 0, 2)) * 3000, Initial: int64(draw("initial", 0, 500)),
				Maximum: int64(draw("maximum", 0, 30_000)), ReadyIn: 10_000, LeaveIn: 20_000, Follow: rapid.Bool().Draw(t, "follow"),
			}
			return o
		}
		names := func() (names []string) {
			for i := range draw("upstreams", 1, 4) {
				names = append(names, fmt.Sprint("u", (i+draw("name", 0, 2))%5))
			}
			return names
		}
		o := options()
		o.Rand = rand.New(rand.NewPCG(uint64(draw("seed", 0, 1000)), 1))
		h := newHost(t, o, names()...)
		began := h.now
		one := func() ID {
			ids := h.ids()
			if len(ids) == 0 {
				return 0
			}
			return ids[draw("link", 0, len(ids)-1)]
		}
		ends := func() End {
			return End{Code: rapid.SampledFrom(codes).Draw(t, "code"), Reference: rapid.SampledFrom([]string{"", "elsewhere"}).Draw(t, "reference"), Text: "broken"}
		}
		t.Repeat(map[string]func(*rapid.T){
			"ready": func(*rapid.T) {
				if id := one(); id != 0 && !h.links[id].ready {
					h.ready(id)
				}
			},
			"carries": func(*rapid.T) {
				if id := one(); id != 0 && h.links[id].carry && !h.links[id].carries {
					h.carries(id)
				}
			},
			"lose": func(*rapid.T) {
				if id := one(); id != 0 {
					end := ends()
					end.Asked = h.links[id].leave && rapid.Bool().Draw(t, "asked")
					h.lose(id, end)
				}
			},
			"refuse": func(*rapid.T) { h.refuse(ends()) },
			"serve":  func(*rapid.T) { h.serve() },
			"elapse": func(*rapid.T) { h.elapse(int64(draw("ms", 0, 5000))) },
			"next": func(*rapid.T) {
				if next := h.f.Next(); next != 0 {
					h.elapse(next - h.now)
				}
			},
			"stranger": func(*rapid.T) {
				h.do(h.f.Ready(9999999, h.now))
				h.do(h.f.Carries(9999999, h.now))
				if len(h.ended) > 0 {
					h.do(h.f.Ended(h.ended[draw("old", 0, len(h.ended)-1)], ends(), h.now))
				}
			},
			"pause":  func(*rapid.T) { h.asked++; h.do(h.f.Pause(h.now)) },
			"resume": func(*rapid.T) { h.asked++; h.do(h.f.Resume(h.now)) },
			"renew":  func(*rapid.T) { h.asked++; h.do(h.f.Renew(h.now)) },
			"switch": func(*rapid.T) {
				h.asked++
				if actions, err := h.f.Switch(draw("to", -1, 4), h.now); err == nil {
					h.do(actions)
				}
			},
			"reload": func(*rapid.T) {
				h.asked++
				var list []Entry
				for _, name := range names() {
					list = append(list, Entry{name, rapid.Bool().Draw(t, "changed"), rapid.Bool().Draw(t, "near")})
				}
				h.do(h.f.Reload(options(), list, h.now))
			},
		})
		// 1 + 4 references for each pause of at least 5 ms, as link and as probe, and some for each time somebody asked.
		most := (int((h.now-began)/(initialLeast/2)) + 1 + h.asked) * 5 * 2 * (1 + referencesMost)
		require.LessOrEqual(t, h.attempts, most)

		// All is well again.
		h.do(h.f.Resume(h.now))
		h.serve()
		h.until(h.now + 20*(30_000+20_000+h.f.o.StayFor))
		require.Equal(t, 1, h.of(func(l *hosted) bool { return l.carries && !l.leave }))
		c, ok := h.f.Carrier()
		require.True(t, ok)
		require.True(t, c.Carries && c.SettledAt <= h.now)
		if h.f.o.Order == Priority {
			require.Zero(t, c.Index)
		}
		quiet := h.attempts
		h.until(h.now + 3_600_000)
		require.Equal(t, quiet, h.attempts, "all is well, and it goes on trying")
	})
}
