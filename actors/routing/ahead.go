package routing

import (
	"bytes"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/topic"
)

// aheadMost is how many runs are looked up side by side: about as many reads of
// memory as a processor has under way at once.
const aheadMost = 16

// ahead looks up the topics of the next runs of one Publish together, where they
// differ. It is no more than a better moment for it: what it found counts only
// as long as the snapshots are still the ones it read.
type ahead struct {
	lookups topic.Lookups[message.Subscription]
	found   [aheadMost]found
	from    int // the place in runs of the first of found
	to      int // behind the last
	warm    uint64
}

// found is what one run's topic matched.
type found struct {
	literal, wildcard *snapshot // nil: it was not looked up
	matches           topic.Matches[message.Subscription]
}

// look looks up runs from a place on.
func (a *ahead) look(p *Publisher, runs []*packet.Run, from int) {
	a.from, a.to = from, min(from+aheadMost, len(runs))
	var before []byte
	for i, run := range runs[from:a.to] {
		f := &a.found[i]
		f.forget()
		if bytes.Equal(run.Topic, before) {
			continue
		}
		before = run.Topic
		literal, wildcard := p.tables.current(run.Topic)
		if r := p.routes[string(run.Topic)]; r != nil && r.current(literal, wildcard) {
			continue
		}
		f.literal, f.wildcard = literal, wildcard
		a.lookups.Add(literal.Index, run.Topic, &f.matches)
	}
	a.lookups.Do()
	for i, run := range runs[from:a.to] {
		if f := &a.found[i]; f.wildcard != nil {
			a.lookups.Add(f.wildcard.Index, run.Topic, &f.matches)
		}
	}
	a.lookups.Do()
	a.touch()
}

// touch reads what the next steps will need of the receivers, all at once.
func (a *ahead) touch() {
	found := a.found[:a.to-a.from]
	var receivers [aheadMost]*message.Receiver
	for i := range found {
		if sets := found[i].matches.Sets; len(sets) > 0 {
			_, sub := sets[0].First()
			receivers[i] = sub.Receiver
			a.warm += sub.Receiver.ID
		}
	}
	for _, r := range receivers {
		if r != nil {
			r.Mailbox.Warm()
		}
	}
}

// of returns what was found for the run at a place, nil if it was not looked up.
func (a *ahead) of(i int) *found {
	if a == nil || a.found[i-a.from].literal == nil {
		return nil
	}
	return &a.found[i-a.from]
}

func (f *found) forget() {
	f.literal, f.wildcard = nil, nil
	f.matches.Reset()
}

// forget lets go of all snapshots.
func (a *ahead) forget() {
	for i := range a.found {
		a.found[i].forget()
	}
}
