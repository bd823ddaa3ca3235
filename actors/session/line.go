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
	if len(out.Subscribe) == 0 && len(out.Unsubscribe) == 0 && len(s.line) == 0 && len(s.pending) == 0 {
		s.route(runs, out)
		return
	}
	taken := 0
	publish := func(before int) {
		if before > taken {
			for _, run := range runs[taken:before] {
				run.Lent.Keep()
			}
			s.line = append(s.line, step{runs: runs[taken:before], wills: out.Wills})
			taken = before
		}
	}
	subscribed := 0
	subscribe := func(before int) {
		for ; subscribed < before; subscribed++ {
			r := out.Subscribe[subscribed]
			publish(r.Behind)
			s.line = append(s.line, step{subscribe: &r})
		}
	}
	for _, r := range out.Unsubscribe {
		subscribe(r.After)
		publish(r.Behind)
		s.line = append(s.line, step{unsubscribe: &r})
	}
	subscribe(len(out.Subscribe))
	publish(len(runs))
	s.advance(out)
}

// advance takes from the line what need not wait any longer.
func (s *Session) advance(out *core.Output) {
	for len(s.line) > 0 {
		next := s.line[0]
		if next.runs != nil && len(s.pending) > 0 {
			break
		}
		s.line[0] = step{}
		s.line = s.line[1:]
		switch {
		case next.subscribe != nil:
			s.subscribe(next.subscribe)
		case next.unsubscribe != nil:
			s.unsubscribe(next.unsubscribe)
		default:
			s.route(next.runs, out)
		}
	}
	if len(s.line) == 0 {
		s.line = nil
	}
	s.pace()
}

// purge takes out of the line what a Client whose connection fails will send
// again: messages that were not acknowledged. Changes are part of the Session
// already, and Wills come once.
func (s *Session) purge() {
	s.line = slices.DeleteFunc(s.line, func(st step) bool { return st.runs != nil && !st.wills })
}
