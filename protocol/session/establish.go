package session

import (
	"math"
	"slices"
)

// Establish gives the Session of a bridge its Limits and the Subscriptions that it is to have, without a Client: those that it has and that
// are not wanted any more end. It outlives every connection, and does not expire.
func (s *Session) Establish(limits *Limits, wanted []Subscription, now int64, out *Output) {
	if s.state == ended {
		return
	}
	if s.expiry != NoExpiry || !s.known {
		s.recorded()
	}
	s.limits, s.known, s.expiry, s.endAt = limits, true, NoExpiry, 0
	var gone []string
	for sub := range s.subs.all() {
		if !slices.ContainsFunc(wanted, func(w Subscription) bool { return w.Filter == sub.Filter }) {
			gone = append(gone, sub.Filter)
		}
	}
	for _, filter := range gone {
		s.unsubscribe(filter)
	}
	if len(gone) > 0 {
		out.Unsubscribe = append(out.Unsubscribe, UnsubscribeRequest{Filters: gone, After: len(out.Subscribe), Behind: len(out.Publish)})
	}
	var request SubscribeRequest
	for _, w := range wanted {
		s.changes++
		w.Shared, w.change = false, s.changes
		table, previous, existed := s.subs.put(w)
		s.subs = table
		w.Replay = wantsRetained(&w, existed)
		if existed && !w.Replay && previous.Options == w.Options && previous.Raise == w.Raise {
			continue
		}
		s.ledger.changed(w.Filter)
		request.Subscriptions = append(request.Subscriptions, w)
	}
	if len(request.Subscriptions) > 0 {
		request.Behind = len(out.Publish)
		out.Subscribe = append(out.Subscribe, request)
	}
	s.drain(now, out)
}

// Oldest is the Unix ms since when the message has waited that has waited longest; 0: none waits, or nobody knows.
func (s *Session) Oldest() int64 {
	if e := s.queue.front(); e != nil {
		return e.at
	}
	if s.ledger != nil {
		return s.ledger.since
	}
	return 0
}

// Spilled is how many of the messages that wait are not in memory: those that have been written, and are not loaded.
func (s *Session) Spilled() int {
	if s.ledger == nil {
		return 0
	}
	return s.ledger.messages
}

// Open is the Seq of the oldest frame that is neither finally acknowledged nor given up; Taken, if there is none. It is for a durable Session whose Limits
// have Bridge set.
func (s *Session) Open() uint64 {
	l := s.ledger
	open := uint64(math.MaxUint64)
	if w := s.out; w != nil {
		for p := w.head; p != w.tail; p++ {
			if f := w.at(p); f.step != free && f.seq != 0 {
				open = f.seq
				break
			}
		}
	}
	if e := s.queue.front(); e != nil {
		open = min(open, e.seq)
	}
	if l.spilled() {
		open = min(open, l.from)
	}
	return min(open, l.next)
}
