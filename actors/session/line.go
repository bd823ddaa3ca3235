package session

import (
	"slices"

	"github.com/troupemq/troupe/protocol/packet"
	core "github.com/troupemq/troupe/protocol/session"
)

// step is something that the Client did: messages that it published, or one
// change of its subscriptions.
type step struct {
	runs        []*packet.Run
	wills       bool // runs are the Session's own
	subscribe   *core.SubscribeRequest
	unsubscribe *core.UnsubscribeRequest
}

// perform carries out what the Client did, in its order: who subscribes and
// publishes in one breath gets its own message, as it would from a broker of
// one thread. Shards confirm changes later, so messages behind a change wait in
// line for that, and changes behind those messages with them.
func (s *Session) perform(out *core.Output) {
	runs := out.Publish
	out.Publish = nil
	if len(out.Subscribe) == 0 && len(out.Unsubscribe) == 0 && s.changes.lined() == 0 && !s.changes.unsettled() {
		s.route(runs, out.Wills, out)
		return
	}
	if len(runs) == 0 && len(out.Unsubscribe) == 0 && s.changes.lined() == 0 { // the frequent change
		for i := range out.Subscribe {
			s.subscribe(&out.Subscribe[i])
		}
		s.pace()
		return
	}
	taken, c := 0, s.changing()
	publish := func(before int) {
		if before > taken {
			for _, run := range runs[taken:before] {
				run.Lent.Keep()
			}
			c.line = append(c.line, step{runs: runs[taken:before], wills: out.Wills})
			taken = before
		}
	}
	subscribed := 0
	subscribe := func(before int) {
		for ; subscribed < before; subscribed++ {
			r := out.Subscribe[subscribed]
			publish(r.Behind)
			c.line = append(c.line, step{subscribe: &r})
		}
	}
	for _, r := range out.Unsubscribe {
		subscribe(r.After)
		publish(r.Behind)
		c.line = append(c.line, step{unsubscribe: &r})
	}
	subscribe(len(out.Subscribe))
	publish(len(runs))
	s.advance(out)
}

// advance takes from the line what need not wait any longer.
func (s *Session) advance(out *core.Output) {
	for c := s.changes; c.lined() > 0; {
		next := c.line[0]
		if next.runs != nil && c.unsettled() {
			break
		}
		c.line[0] = step{}
		c.line = c.line[1:]
		switch {
		case next.subscribe != nil:
			s.subscribe(next.subscribe)
		case next.unsubscribe != nil:
			s.unsubscribe(next.unsubscribe)
		default:
			s.route(next.runs, next.wills, out)
		}
	}
	if s.changes.lined() == 0 && s.changes != nil {
		s.changes.line = nil
	}
	s.settled()
	s.pace()
}

// purge takes out of the line what a Client whose connection fails will send
// again: messages that were not acknowledged. Changes are part of the Session
// already, and Wills come once.
func (s *Session) purge() {
	if s.changes == nil {
		return
	}
	s.changes.line = slices.DeleteFunc(s.changes.line, func(st step) bool {
		if st.runs == nil || st.wills {
			return false
		}
		for _, run := range st.runs {
			s.core.GiveUp(run) // or the answers to what comes later would wait for it
		}
		return true
	})
}
