package bridge

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/bridge/link"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/protocol/packet"
)

// alive are the links that have not ended.
func (s *scene) alive(which func(*stub) bool) (all []*stub) {
	for _, l := range s.links {
		if !l.ended && which(l) {
			all = append(all, l)
		}
	}
	return all
}

func (l *stub) told(m any) bool {
	for _, got := range l.got {
		if got == m {
			return true
		}
	}
	return false
}

// check holds the bridge to what must be true whenever all is quiet.
func (s *scene) check() {
	s.Helper()
	require.LessOrEqual(s, len(s.alive(func(l *stub) bool { return l.told(link.Carry{}) })), 1, "two carry")
	require.LessOrEqual(s, len(s.alive(func(l *stub) bool { return !l.Probe && !l.told(link.Carry{}) })), 1, "two are to take over")
	require.LessOrEqual(s, len(s.alive(func(l *stub) bool { return l.Probe })), 1, "two probes")
	for _, l := range s.links {
		require.LessOrEqual(s, len(l.got), 2)
		require.True(s, l.ready || !l.told(link.Carry{}), "it is not ready and is to carry")
		if l.told(link.Leave{}) {
			require.Equal(s, []any{link.Carry{}, link.Leave{}}, l.got)
		}
	}
}

// serve has the links and the Session do what they are asked for.
func (s *scene) serve() {
	for range 20 {
		for range s.registry.Got() {
			s.Send(s.bridge, &message.Established{ClientID: "$bridge/north"})
		}
		for _, l := range s.alive(func(*stub) bool { return true }) {
			switch {
			case l.told(link.Leave{}):
				s.end(l, link.Ended{Clean: true})
			case !l.ready:
				s.ready(l)
			case l.told(link.Carry{}):
				s.Send(s.bridge, &link.Carries{Link: l.pid})
			}
		}
	}
}

// TestModel does what can happen to a bridge in any order, failures of its actor and of links included: it keeps to one link that carries, answers
// everybody, and is connected in the end.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newScene(t, 0, settings(t, nil, "mqtt://a", "mqtt://b", "mqtt://c"))
		draw := func(name string, least, most int) int { return rapid.IntRange(least, most).Draw(rt, name) }
		one := func() *stub {
			all := s.alive(func(*stub) bool { return true })
			if len(all) == 0 {
				return nil
			}
			return all[draw("link", 0, len(all)-1)]
		}
		var replies []chan error
		reply := func() chan error {
			replies = append(replies, make(chan error, 1))
			return replies[len(replies)-1]
		}
		for range draw("steps", 0, 60) {
			l := one()
			switch draw("event", 0, 13) {
			case 0:
				if l != nil && !l.ready {
					s.ready(l)
				}
			case 1:
				if l != nil && l.told(link.Carry{}) {
					s.Send(s.bridge, &link.Carries{Link: l.pid})
				}
			case 2:
				if l != nil {
					s.end(l, link.Ended{Cause: errors.New("cut"), Code: rapid.SampledFrom([]packet.ReasonCode{0, 0x86, 0x8E, 0x9C}).Draw(rt, "code"), Reference: "x"})
				}
			case 3:
				if l != nil {
					s.Send(l.pid, crash{})
				}
			case 4:
				s.Send(s.bridge, (*message.Credit)(nil))
			case 5:
				s.pass(int64(draw("ms", 1, 20_000)))
			case 6:
				s.Send(s.bridge, &Pause{reply()})
			case 7:
				s.Send(s.bridge, &Resume{reply()})
			case 8:
				s.Send(s.bridge, &Switch{rapid.SampledFrom([]string{"", "mqtt://a", "mqtt://c", "mqtt://d"}).Draw(rt, "to"), reply()})
			case 9:
				s.Send(s.bridge, &Drain{reply()})
			case 10:
				var uris []string
				for i := range draw("upstreams", 1, 3) {
					uris = append(uris, fmt.Sprintf("mqtt://%c", 'a'+i+draw("shift", 0, 1)))
				}
				change := draw("change", 0, 3)
				s.Send(s.bridge, &Reload{settings(t, func(c *configs.Bridge) {
					c.FollowServerReference = change == 1
					c.MaxInflight += change / 2
					c.Order = rapid.SampledFrom([]configs.BridgeOrder{configs.OrderPriority, configs.OrderRotate, configs.OrderRandom}).Draw(rt, "order")
				}, uris...), reply()})
			case 11:
				s.handle.Figures.Queued.Store(int64(draw("queued", 0, 1)))
			default:
				s.serve()
			}
			s.check()
		}
		s.handle.Figures.Queued.Store(0)
		last := make(chan error, 1)
		s.Send(s.bridge, &Resume{last})
		require.NoError(t, <-last)
		for range 80 {
			s.serve()
			s.pass(1000)
			s.check()
		}
		status := s.handle.Status()
		require.Equal(t, Connected, status.State)
		require.Len(t, s.alive(func(l *stub) bool { return l.told(link.Carry{}) }), 1)
		for _, r := range replies {
			require.Len(t, r, 1, "a command was not answered")
		}
		require.LessOrEqual(t, s.up, 1)
		for _, f := range s.Failures {
			require.True(t, f.Kind == "link" || f.Message == (*message.Credit)(nil), "%v", f.Reason)
		}
	})
}
