package troupe

import (
	"slices"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/topic"
)

// owedReplay says that a new subscription must have brought the retained
// message of a topic, or a later message there.
type owedReplay struct {
	sub   *subscription
	topic string
	id    int // of the message that was retained for certain
	step  int
}

// expectReplay notes what is retained for certain when a subscription is made.
func (u *user) expectReplay(f *filter, now int) {
	if f.share || f.qos == packet.QoS0 {
		return
	}
	known := make(map[string]*sending)
	var topics []string
	for _, s := range u.messages {
		if s.retain && s.acked != 0 && !s.excused && u.taken(s) && topic.Match(f.topic, s.topic) {
			if known[s.topic] == nil {
				topics = append(topics, s.topic)
			}
			known[s.topic] = s
		}
	}
	for _, name := range topics {
		if s := known[name]; !s.empty {
			u.owedReplays = append(u.owedReplays, owedReplay{u.subscriptions[len(u.subscriptions)-1], name, s.id, now})
		}
	}
}

// judgeDeliveries looks for messages that were owed and never came.
func (w *world) judgeDeliveries() {
	for _, s := range w.messages {
		if s.attempt == nil || s.acked == 0 || s.expires || s.empty || s.excused || !w.taken(s) {
			continue
		}
		for _, u := range w.users {
			if u.phase != online {
				continue
			}
			why := u.owed(s)
			if why == nil {
				continue
			}
			w.happened.obligations++
			if u.got[s.id] == 0 {
				w.fail("%s never got m%d on %s with QoS %d, subscribed to %s with QoS %d", u.name, s.id, s.topic, s.qos, why.name, why.qos)
			}
		}
		w.judgeShared(s)
	}
	for _, u := range w.users {
		if u.phase == online {
			u.judgeReplays()
		}
	}
}

// owed is the subscription by which a message must have come, nil if there is none.
func (u *user) owed(s *sending) *subscription {
	for _, sub := range u.subscriptions {
		if sub.share || sub.life != u.life || sub.sure > s.sent || sub.until < s.acked || !topic.Match(sub.topic, s.topic) || sub.noLocal && s.from == u {
			continue
		}
		// QoS 0 is owed to who was connected all the time.
		if min(sub.qos, s.qos) > packet.QoS0 || sub.until == never && u.attempt.began < s.sent && u.covered(s) {
			return sub
		}
	}
	return nil
}

// covered tells whether the effective QoS of a message is 0 for certain, or owed anyway.
func (u *user) covered(s *sending) bool { return s.acked != 0 }

// judgeShared looks for a message that no member of a shared subscription got,
// although one was there for it all the time.
func (w *world) judgeShared(s *sending) {
	if s.qos != packet.QoS1 || s.shared || s.orphaned || w.cellar != nil && w.bequeathed(s) {
		return
	}
	for _, u := range w.users {
		for _, sub := range u.subscriptions {
			if sub.share && u.phase == online && sub.life == u.life && sub.sure < s.sent && sub.until == never && topic.Match(sub.topic, s.topic) {
				w.fail("nobody of %s got m%d on %s, at least %s should have", sub.name, s.id, s.topic, u.name)
				return
			}
		}
	}
}

// bequeathed tells whether a message may have been with a member of a shared
// subscription whose Session ended: what only the store has is not handed back.
func (w *world) bequeathed(s *sending) bool {
	return slices.ContainsFunc(w.users, func(u *user) bool {
		return slices.ContainsFunc(u.subscriptions, func(sub *subscription) bool {
			return sub.share && sub.life != u.life && sub.gone > s.sent && topic.Match(sub.topic, s.topic)
		})
	})
}

func (u *user) judgeReplays() {
	for _, r := range u.owedReplays {
		if r.sub.life != u.life || r.sub.sure == never || r.sub.until != never || u.removed(r.topic, r.id) {
			continue
		}
		u.happened.replays++
		came := false
		for id, step := range u.topics[r.topic] {
			came = came || id >= r.id && step > r.step
		}
		if !came {
			u.fail("%s subscribed to %s and never got the retained m%d on %s, nor one after it", u.name, r.sub.name, r.id, r.topic)
		}
	}
}

// removed tells whether a retained message may have been removed since. Nobody
// but its publisher writes to a topic.
func (w *world) removed(name string, id int) bool {
	return slices.ContainsFunc(w.messages[id:], func(s *sending) bool { return s.empty && s.topic == name })
}

// judgeRetained compares what is retained in the end with what was published.
func (w *world) judgeRetained() {
	auditor := newUser(w, "auditor", packet.V5)
	auditor.filters = []*filter{{name: "r/#", topic: "r/#", asks: packet.QoS2, qos: packet.QoS2}}
	w.users = append(w.users, auditor)
	auditor.connect(true)
	w.calm()
	auditor.subscribe(auditor.filters)
	w.calm()
	for _, u := range w.users {
		name := "r/" + u.name[len(u.name)-1:]
		var possible []*sending // the last one that is certain, and what may have come after it
		for _, s := range w.messages {
			if s.retain && s.topic == name && !w.refused(s) {
				if s.acked != 0 && !s.excused && w.taken(s) {
					possible = nil
				}
				possible = append(possible, s)
			}
		}
		if len(possible) == 0 {
			continue
		}
		came := -1
		for id := range auditor.topics[name] {
			came = max(came, id)
		}
		fits := slices.ContainsFunc(possible, func(s *sending) bool { return s.id == came && !s.empty || s.empty && came < 0 })
		if !fits && !(came < 0 && (possible[0].acked == 0 || possible[0].excused || !w.taken(possible[0]))) {
			w.fail("retained on %s is m%d, should be m%d (removed: %v) or one of %d after it", name, came, possible[0].id, possible[0].empty, len(possible)-1)
		}
	}
}

// judgeGauges compares what the broker counts with the facts, when everybody
// is back and nothing is under way.
func (w *world) judgeGauges() {
	w.recorder.Printf("%v", w.processes("instance/sessions/"))
	c, connected := w.tree.counters, int64(0)
	for _, u := range w.all() {
		if u.phase == online {
			connected++
		}
	}
	for _, g := range []struct {
		name       string
		have, want int64
	}{
		{"MessagesQueued", c.MessagesQueued.Load(), 0},
		{"BytesQueued", c.BytesQueued.Load(), 0},
		{"ClientsConnected", c.ClientsConnected.Load(), connected},
		{"ConnectionsOpen", c.ConnectionsOpen.Load(), connected},
		{"Sessions", c.Sessions.Load(), connected},
		{"dropped", c.DroppedQueueFull.Load() + c.DroppedTooLarge.Load() + c.DroppedCongested.Load(), 0},
	} {
		if g.have != g.want {
			w.fail("%s is %d, should be %d", g.name, g.have, g.want)
		}
	}
}

// judgment is what should have become of a Will.
type judgment uint8

const (
	either judgment = iota
	sent
	kept
)

// judgeAttempts decides about the Wills of earlier connections, when the next one
// is accepted.
func (u *user) judgeAttempts(next *attempt, present bool, now int64) {
	for _, l := range u.attempts {
		if l != next && l.will != nil {
			u.judgeWill(l, u.judge(l, next, present, now))
		}
	}
	u.attempts = []*attempt{next}
}

func (u *user) judge(l, next *attempt, present bool, now int64) judgment {
	switch {
	case !l.accepted || l.doubted:
		return either
	case l.bye:
		if l.before && l.peer.Taken() && !u.failing && u.faultStep < l.byeStep {
			return kept
		}
		return either
	case l.delay == 0 || l.expiry == 0:
		return sent
	case l.obscured:
		return either
	case next.clean || !present:
		return sent
	case l.peer.Closed() == 0:
		return kept
	}
	due, latest := u.spell(l, min(l.delay, l.expiry))
	switch {
	case now < due-late:
		return kept
	case next.sent > latest+late:
		return sent
	default:
		return either
	}
}

// verdict is a judgment that the witness has to confirm in the end.
type verdict struct {
	*attempt
	judgment
}

func (u *user) judgeWill(l *attempt, j judgment) {
	u.recorder.Printf("the Will m%d of %s on connection %d: %d", l.will.id, u.name, l.peer.Number(), j)
	u.verdicts = append(u.verdicts, verdict{l, j})
}

// judgeWills asks the witness, when everybody has left and all delays are over.
func (w *world) judgeWills(drained bool) {
	w.pass(200_000)
	w.calm()
	for _, u := range w.users {
		for _, l := range u.attempts {
			if l.will == nil {
				continue
			}
			j := either
			switch {
			case !l.accepted || l.doubted || drained: // the witness may have left before
			case l.bye && l.peer.Taken() && !w.failing && w.faultStep < l.byeStep:
				j = kept
			case !l.bye && l.peer.Closed() != 0:
				j = sent
			}
			u.judgeWill(l, j)
		}
		u.attempts = nil
	}
	for _, v := range w.verdicts {
		n := w.witness.got[v.will.id]
		w.happened.wills += n
		switch {
		case n > 1 && !v.will.again:
			w.fail("the Will m%d of %s was sent %d times", v.will.id, v.will.from.name, n)
		case v.judgment == sent && n == 0 && !w.laws.refuses(v.will):
			w.fail("the Will m%d of %s was not sent", v.will.id, v.will.from.name)
		case v.judgment == kept && n > 0:
			w.fail("the Will m%d of %s was sent although it should not", v.will.id, v.will.from.name)
		}
	}
}
