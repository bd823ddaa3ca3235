package retained_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/retained"
	"github.com/troupemq/troupe/protocol/packet"
)

// said is a message of the model; deadline 0: it never expires.
type said struct {
	payload  string
	deadline int64
}

// model is what a house must hold.
type model struct {
	*house
	now     map[string]said
	safe    map[string]said // what a broker that comes after this one finds
	staged  []stagedModel   // collected and not yet committed
	watched *watched        // a replay that is under way; nil: none
}

type stagedModel struct {
	staged *message.Staged
	state  map[string]said // of the topics of its actor
}

// watched is a replay and what the topics had while it ran.
type watched struct {
	ever map[string][]said // a zero one where there was none
	got  map[string]bool
	next *message.Replay // what the subscriber has to send for the next slice
}

func shareOf(topic string) int { return int(xxhash.Sum64String(topic) % keepers) }

func unwritten(topic string) bool { return strings.HasPrefix(topic, "$SYS/") }

func (m *model) set(topic string, s said) {
	if s == (said{}) {
		delete(m.now, topic)
	} else {
		m.now[topic] = s
	}
	if m.watched != nil {
		m.watched.ever[topic] = append(m.watched.ever[topic], s)
	}
}

// there is what a topic has at this time.
func (m *model) there(state map[string]said, topic string) (said, bool) {
	s, ok := state[topic]
	if ok && s.deadline != 0 && s.deadline <= m.Now() {
		return said{}, false
	}
	return s, ok
}

// all are the messages of a state that a filter `#` finds, or one of $SYS.
func (m *model) all(state map[string]said, sys bool) (all []string) {
	for topic := range state {
		if s, ok := m.there(state, topic); ok && unwritten(topic) == sys {
			all = append(all, topic+"="+s.payload)
		}
	}
	slices.Sort(all)
	return all
}

// size is that of a frame.
func (m *model) size(topic string, s said) int {
	p := packet.Publish{Topic: []byte(topic), Payload: []byte(s.payload), HasMessageExpiry: s.deadline != 0, MessageExpiry: 1}
	return len(packet.NewRun(&p, packet.V5).Frames)
}

func (m *model) collectFrom(i int) {
	state := make(map[string]said)
	for topic, s := range m.now {
		if shareOf(topic) == i && !unwritten(topic) {
			state[topic] = s
		}
	}
	m.staged = append(m.staged, stagedModel{m.collect(m.tables.Retained[i]), state})
}

func (m *model) commitNext() {
	s := m.staged[0]
	m.staged = m.staged[1:]
	m.commit(s.staged)
	share := slices.Index(m.tables.Retained, s.staged.Source)
	maps.DeleteFunc(m.safe, func(topic string, _ said) bool { return shareOf(topic) == share })
	maps.Copy(m.safe, s.state)
}

// settle commits all there is.
func (m *model) settle() {
	for len(m.staged) > 0 {
		m.commitNext()
	}
	for range 2 {
		for i := range keepers {
			m.collectFrom(i)
			m.commitNext()
		}
	}
}

func (m *model) crash() {
	m.move(m.store.CrashClone())
	m.now, m.staged, m.watched = maps.Clone(m.safe), nil, nil
	for topic := range m.now {
		if _, ok := m.there(m.now, topic); !ok {
			delete(m.now, topic)
		}
	}
}

// watch goes on with the replay under way, by one answer of the reader or slice.
func (m *model) watch() {
	w := m.watched
	switch {
	case len(m.asked) > 0:
		m.answer()
		m.Settle()
	case w.next != nil:
		next := w.next
		w.next = nil
		m.Send(next.Retained, next)
	}
	slice := m.slice()
	if slice == nil {
		require.NotEmpty(m, m.asked, "the replay has come to a stop")
		return
	}
	for _, text := range m.texts(slice) {
		topic, payload, _ := strings.Cut(text, "=")
		require.False(m, w.got[topic], "%s comes twice", topic)
		require.True(m, slices.ContainsFunc(w.ever[topic], func(s said) bool { return s.payload == payload }), "%s was never there", text)
		w.got[topic] = true
	}
	if w.next = slice.Next; w.next != nil {
		return
	}
	for topic, ever := range w.ever {
		if s, ok := m.there(m.now, topic); len(ever) == 1 && ok && ever[0] == s {
			require.True(m, w.got[topic], "%s was there all the time", topic)
		}
	}
	m.watched = nil
}

// TestModel does at random what publishers, subscribers, time, the journal, failures and crashes do.
func TestModel(t *testing.T) {
	const bound = 700
	rapid.Check(t, func(t *rapid.T) {
		m := &model{now: make(map[string]said), safe: make(map[string]said)}
		m.house = newHouse(t, retained.Limits{Memory: bound})
		m.slow = true
		topics := rapid.Custom(func(t *rapid.T) string {
			if n := rapid.IntRange(0, 30).Draw(t, "topic"); n > 1 {
				return fmt.Sprintf("t/%03d", n)
			}
			return "$SYS/one"
		})
		version := 0
		t.Repeat(map[string]func(*rapid.T){
			"retain": func(t *rapid.T) {
				for range rapid.IntRange(1, 20).Draw(t, "messages") {
					topic, seconds := topics.Draw(t, "topic"), rapid.SampledFrom([]uint32{0, 0, 0, 5, 50}).Draw(t, "expiry")
					version++
					s := said{payload: fmt.Sprint(version, text(rapid.IntRange(0, 100).Draw(t, "size")))}
					if seconds > 0 {
						s.deadline = m.Now() + int64(seconds)*1000
					}
					ticket := (*message.Ticket)(nil)
					if rapid.Bool().Draw(t, "waits") {
						ticket = m.ticket()
					}
					m.retain(topic, s.payload, seconds, ticket)
					m.set(topic, s)
				}
			},
			"remove": func(t *rapid.T) {
				topic := topics.Draw(t, "topic")
				m.retain(topic, "", 0, nil)
				m.set(topic, said{})
			},
			"elapse": func(t *rapid.T) {
				m.Elapse(rapid.Int64Range(1, 20_000).Draw(t, "time"))
				m.Settle()
			},
			"collect": func(t *rapid.T) { m.collectFrom(rapid.IntRange(0, keepers-1).Draw(t, "keeper")) },
			"commit": func(*rapid.T) {
				if len(m.staged) > 0 {
					m.commitNext()
				}
			},
			"fail": func(t *rapid.T) {
				m.Send(m.tables.Retained[rapid.IntRange(0, keepers-1).Draw(t, "keeper")], &message.Retain{})
			},
			"crash": func(*rapid.T) { m.crash() },
			"replay": func(t *rapid.T) {
				if m.watched == nil {
					i := rapid.IntRange(0, keepers-1).Draw(t, "keeper")
					m.watched = &watched{ever: make(map[string][]said), got: make(map[string]bool)}
					for topic, s := range m.now {
						if shareOf(topic) == i && !unwritten(topic) {
							m.watched.ever[topic] = []said{s}
						}
					}
					m.ask(m.tables.Retained[i], "#")
				}
				m.watch()
			},
			"": func(*rapid.T) {
				require.Empty(m, m.Broken())
				if m.watched != nil {
					return
				}
				m.slow = false
				require.Equal(m, m.all(m.now, false), m.kept("#"))
				require.Equal(m, m.all(m.now, true), m.kept("$SYS/#"))
				m.slow = true
			},
		})
		for m.watched != nil {
			m.watch()
		}
		m.slow = false
		m.settle()
		over := 0 // what is not written comes on top
		if s, ok := m.now["$SYS/one"]; ok {
			over = m.size("$SYS/one", s)
		}
		require.LessOrEqual(m, m.counters.RetainedResident.Load(), int64(bound+over))
		for _, text := range m.stored() {
			topic, payload, _ := strings.Cut(text, "=")
			require.Equal(m, m.now[topic].payload, payload, "what has just expired may still be there, but nothing else")
		}
		m.crash()
		require.Equal(m, m.all(m.now, false), m.kept("#"))
		require.EqualValues(m, len(m.now), m.counters.RetainedMessages.Load())
		bytes := 0
		for topic, s := range m.now {
			bytes += m.size(topic, s)
		}
		require.EqualValues(m, bytes, m.counters.RetainedBytes.Load())
		require.LessOrEqual(m, m.counters.RetainedResident.Load(), int64(bound))
		require.Zero(m, m.counters.DroppedUnread.Load())
	})
}
