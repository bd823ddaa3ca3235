package journal_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupemq/troupe/actors/actortest"
	"github.com/troupemq/troupe/actors/journal"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/faulty"
	"github.com/troupemq/troupe/persistence/memory"
)

// source is an actor that keeps what publishers send, as the contract of tickets
// has it: it says Dirty, then releases; when it is asked it gives what the group
// may have, and says Dirty again for the rest.
type source struct {
	*actortest.Witness
	keeps  []kept
	dirty  bool
	urgent bool
	calls  []*message.Collect // not answered yet
}

// kept is something that a source has to write.
type kept struct {
	key    string
	ticket *message.Ticket // nil: nobody waits
}

// sent is a message on its way to its receivers.
type sent struct {
	key    string
	ticket *message.Ticket
	to     []int // sources that have not got it
}

// play is a journal with sources and one publisher.
type play struct {
	*house
	sources   []*source
	publisher *actortest.Witness
	under     []sent
	waits     []waits
	told      uint64
	number    int
}

// waits is what the publisher will acknowledge when the ticket is committed.
type waits struct {
	ticket *message.Ticket
	keys   []string
}

// TestAcknowledgedIsSafe holds what is acknowledged to what a loss of power
// leaves, in whichever order messages, collections and the disk's work come.
func TestAcknowledgedIsSafe(t *testing.T) { rapid.Check(t, acknowledgedIsSafe) }

func acknowledgedIsSafe(t *rapid.T) {
	p := &play{house: newHouse(t, journal.Options{Sync: true}, faulty.Plan{})}
	p.publisher = p.Witness()
	for range 3 {
		p.sources = append(p.sources, &source{Witness: p.Witness()})
	}
	t.Repeat(map[string]func(*rapid.T){
		"publish": func(t *rapid.T) {
			p.number++
			ticket := p.ticket(p.publisher)
			m := sent{key: fmt.Sprint("m", p.number), ticket: ticket}
			for i := range p.sources {
				if rapid.Bool().Draw(t, "receives") {
					m.to = append(m.to, i)
				}
			}
			ticket.Hold(len(m.to))
			w := waits{ticket: ticket}
			for _, i := range m.to {
				w.keys = append(w.keys, fmt.Sprint(m.key, "/", i))
			}
			p.waits = append(p.waits, w)
			p.under = append(p.under, m)
			p.release(ticket) // routed
		},
		"receive": func(t *rapid.T) {
			if len(p.under) == 0 {
				t.Skip("nothing is under way")
			}
			at := rapid.IntRange(0, len(p.under)-1).Draw(t, "message")
			m := &p.under[at]
			if len(m.to) > 0 {
				i := m.to[0]
				m.to = m.to[1:]
				s := p.sources[i]
				switch {
				case rapid.IntRange(0, 5).Draw(t, "acknowledged") == 0:
					w := slices.IndexFunc(p.waits, func(w waits) bool { return w.ticket == m.ticket })
					p.waits[w].keys = slices.DeleteFunc(p.waits[w].keys, func(k string) bool { return k == fmt.Sprint(m.key, "/", i) })
				default:
					s.keeps = append(s.keeps, kept{key: fmt.Sprint(m.key, "/", i), ticket: m.ticket})
					p.say(s, rapid.Bool().Draw(t, "urgent"))
				}
				p.release(m.ticket)
			}
			if len(m.to) == 0 {
				p.under = slices.Delete(p.under, at, at+1)
			}
		},
		"change": func(t *rapid.T) { // of its own
			s := p.sources[rapid.IntRange(0, len(p.sources)-1).Draw(t, "source")]
			p.number++
			s.keeps = append(s.keeps, kept{key: fmt.Sprint("o", p.number)})
			p.say(s, rapid.Bool().Draw(t, "urgent"))
		},
		"answer": func(t *rapid.T) {
			s := p.sources[rapid.IntRange(0, len(p.sources)-1).Draw(t, "source")]
			if len(s.calls) == 0 {
				t.Skip("it is not asked")
			}
			p.answer(s)
		},
		"disk": func(t *rapid.T) {
			if len(p.work) == 0 {
				t.Skip("it has nothing to do")
			}
			p.store.SetFull(rapid.IntRange(0, 3).Draw(t, "full") == 0)
			p.disk()
		},
		"time": func(t *rapid.T) { p.pass(int64(rapid.IntRange(1, 700).Draw(t, "milliseconds"))) },
		"": func(t *rapid.T) {
			p.look()
			require.Empty(t, p.Broken())
			require.Empty(t, p.Failures)
		},
	})
	p.end()
}

// say tells the journal, once.
func (p *play) say(s *source, urgent bool) {
	if !s.dirty || urgent && !s.urgent {
		s.dirty, s.urgent = true, urgent
		p.Send(p.journal, &message.Dirty{Source: s.PID, Urgent: urgent})
	}
}

func (p *play) answer(s *source) {
	c := s.calls[0]
	s.calls = s.calls[1:]
	staged := &message.Staged{Group: c.Group, Source: s.PID, Batch: new(persistence.Batch), Wants: true}
	s.dirty, s.urgent = false, false
	s.keeps = slices.DeleteFunc(s.keeps, func(k kept) bool {
		if k.ticket.In(c.Group) {
			staged.Batch.Put(named(k.key), nil)
			return true
		}
		return false
	})
	if len(s.keeps) > 0 {
		p.say(s, false)
	}
	p.Send(p.journal, staged)
}

// look takes what the witnesses got, and holds what is acknowledged to the store.
func (p *play) look() {
	for _, s := range p.sources {
		for _, m := range s.Got() {
			if c, ok := m.(*message.Collect); ok {
				s.calls = append(s.calls, c)
				require.Len(p, s.calls, 1, "one group at a time")
			}
		}
	}
	for _, m := range p.publisher.Got() {
		group := m.(*message.Committed).Group
		require.Greater(p, group, p.told, "in order, and once")
		p.told = group
		power := p.inner.CrashClone()
		p.waits = slices.DeleteFunc(p.waits, func(w waits) bool {
			if w.ticket.In(group) {
				p.safe(power, w)
				return true
			}
			return false
		})
	}
}

func (p *play) safe(power *memory.Store, w waits) {
	for _, key := range w.keys {
		require.True(p, has(p, power, key), "%s was acknowledged", key)
	}
}

// end lets everything come to its end: nobody may wait for ever.
func (p *play) end() {
	p.store.SetFull(false)
	for _, m := range p.under {
		for _, i := range m.to {
			p.sources[i].keeps = append(p.sources[i].keeps, kept{key: fmt.Sprint(m.key, "/", i), ticket: m.ticket})
			p.say(p.sources[i], true)
			p.release(m.ticket)
		}
	}
	for range 20 {
		p.pass(700)
		p.look()
		for _, s := range p.sources {
			if len(s.calls) > 0 {
				p.answer(s)
			}
		}
		for len(p.work) > 0 {
			p.disk()
		}
	}
	p.look()
	require.Empty(p, p.waits, "somebody waits for ever")
	for _, s := range p.sources {
		require.Empty(p, s.keeps)
	}
}
