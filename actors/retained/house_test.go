package retained_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/troupemq/troupe/actors/actortest"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/retained"
	"github.com/troupemq/troupe/actors/routing"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/internal/telemetry"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/memory"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// house is two retained actors over a store. The test plays the journal and the
// reader: it says when a group is collected, committed and a record read.
type house struct {
	require.TestingT
	*actortest.Stage
	limits   retained.Limits
	counters *telemetry.Counters
	tables   *routing.Tables
	stores   []*retained.Store
	store    *memory.Store
	journal  *actortest.Witness
	asker    *actortest.Witness
	log      *zap.Logger
	logs     *observer.ObservedLogs

	slow     bool // records are read when the test says so
	asked    []asked
	unread   error // what the reader fails with
	group    uint64
	restarts int
}

type asked struct {
	topics []string
	reply  func([][]byte, error)
}

const keepers = 2

func newHouse(t require.TestingT, limits retained.Limits) *house {
	h := &house{TestingT: t, Stage: actortest.NewStage(), limits: limits, store: memory.New()}
	core, logs := observer.New(zap.InfoLevel)
	h.log, h.logs = zap.New(core), logs
	h.asker = h.Witness()
	h.move(h.store)
	return h
}

// move starts the actors anew, as if the broker had ended and found the store.
func (h *house) move(store *memory.Store) {
	for _, pid := range h.keepers() {
		h.Root.Stop(pid)
	}
	h.Settle()
	h.restarts++
	h.store, h.counters, h.journal, h.asked = store, new(telemetry.Counters), h.Witness(), nil
	var err error
	h.stores, err = retained.Load(store, keepers, h.limits, h.Now(), h.counters, nil)
	require.NoError(h, err)
	h.tables = routing.New(h.Root, 1, keepers)
	for i, s := range h.stores {
		h.tables.Retained[i] = h.Spawn(fmt.Sprintf("keeper-%d-%d", h.restarts, i), func(*system.Mailbox) actor.Actor {
			return retained.New(s, h.Loop, h.limits, retained.Disk{Journal: h.journal.PID, Read: h.read}, h.counters, h.log)
		})
	}
}

func (h *house) keepers() []*actor.PID {
	if h.tables == nil {
		return nil
	}
	return h.tables.Retained
}

func (h *house) keeper(topic string) *actor.PID { return h.tables.RetainedShard([]byte(topic)) }

// same gives topics that one actor keeps.
func (h *house) same(n int) (topics []string) {
	for i := 0; len(topics) < n; i++ {
		if name := fmt.Sprintf("t/%05d", i); h.keeper(name) == h.tables.Retained[0] {
			topics = append(topics, name)
		}
	}
	return topics
}

func (h *house) read(topics []string, reply func([][]byte, error)) {
	require.LessOrEqual(h, len(topics), retained.SliceMessages)
	h.asked = append(h.asked, asked{slices.Clone(topics), reply})
	if !h.slow {
		h.answer()
	}
}

// answer reads what has been asked for longest.
func (h *house) answer() { h.fetch()() }

// fetch is answer in two steps.
func (h *house) fetch() (reply func()) {
	a := h.asked[0]
	h.asked = h.asked[1:]
	records := make([][]byte, len(a.topics))
	for i, name := range a.topics {
		if record, err := h.store.Get(nil, persistence.PartRetained.Named(name)); err == nil && h.unread == nil {
			records[i] = record
		}
	}
	return func() { a.reply(records, h.unread) }
}

// retain posts a message; seconds is its Message Expiry Interval, 0: none.
func (h *house) retain(topic, payload string, seconds uint32, ticket *message.Ticket) {
	p := &packet.Publish{Retain: true, Topic: []byte(topic), Payload: []byte(payload), HasMessageExpiry: seconds > 0, MessageExpiry: seconds}
	run := packet.NewRun(p, packet.V5)
	if seconds > 0 {
		run.Deadline = h.Now() + int64(seconds)*1000
	}
	h.Send(h.keeper(topic), &message.Retain{Run: run, Now: h.Now(), Ticket: ticket})
}

func (h *house) ticket() *message.Ticket {
	return message.NewTicket(h.Root, h.journal.PID, h.asker.PID)
}

// dirty are the words to the journal since the last call, and who said them.
func (h *house) dirty() (said []string) {
	for _, m := range h.journal.Got() {
		switch m := m.(type) {
		case *message.Dirty:
			text := fmt.Sprint("dirty ", slices.Index(h.tables.Retained, m.Source))
			if m.Urgent {
				text += " urgent"
			}
			said = append(said, text)
		case *message.Ready:
			said = append(said, "ready")
		default:
			require.Fail(h, "unexpected", "%T", m)
		}
	}
	return said
}

// collect asks an actor for its part of the next group.
func (h *house) collect(keeper *actor.PID) *message.Staged {
	h.journal.Got()
	h.group++
	h.Send(keeper, &message.Collect{Group: h.group, Journal: h.journal.PID, Root: h.Root, Source: keeper})
	for _, m := range h.journal.Got() {
		if staged, ok := m.(*message.Staged); ok {
			require.Equal(h, h.group, staged.Group)
			require.Equal(h, keeper, staged.Source)
			return staged
		}
	}
	require.Fail(h, "the actor does not answer")
	return nil
}

// commit writes what an actor staged, and tells it if it wants to know.
func (h *house) commit(staged *message.Staged) {
	if staged.Batch != nil {
		require.NoError(h, h.store.Apply(staged.Batch))
		require.NoError(h, h.store.Sync())
	}
	if staged.Wants {
		h.Send(staged.Source, &message.Committed{Group: staged.Group})
	}
}

// write commits all there is, until there is nothing more.
func (h *house) write() {
	for written := true; written; {
		written = false
		for _, keeper := range h.tables.Retained {
			staged := h.collect(keeper)
			h.commit(staged)
			written = written || staged.Batch.Len() > 0
		}
	}
}

// ask begins a replay by one actor.
func (h *house) ask(keeper *actor.PID, filter string) {
	h.Send(keeper, &message.Replay{Subscriber: h.asker.PID, Retained: keeper, Filter: filter, Terms: &session.Terms{Retained: true}})
}

// slice is what came of a replay, if something did.
func (h *house) slice() *message.Retained {
	got := h.asker.Got()
	if len(got) == 0 {
		return nil
	}
	require.Len(h, got, 1)
	return got[0].(*message.Retained)
}

// texts are the messages of a slice, as topic=payload.
func (h *house) texts(slice *message.Retained) (all []string) {
	for _, run := range slice.Runs {
		var p packet.Publish
		require.NoError(h, p.Decode(run.Frames, run.Version))
		require.Equal(h, string(p.Topic), string(run.Topic))
		all = append(all, string(p.Topic)+"="+string(p.Payload))
	}
	return all
}

// kept is all that matches a filter, in order.
func (h *house) kept(filter string) (all []string) {
	for _, keeper := range h.tables.RetainedFor(filter) {
		h.ask(keeper, filter)
		for {
			slice := h.slice()
			require.NotNil(h, slice)
			texts := h.texts(slice)
			require.True(h, slices.IsSorted(texts))
			all = append(all, texts...)
			if slice.Next == nil {
				break
			}
			h.Send(slice.Next.Retained, slice.Next)
		}
	}
	slices.Sort(all)
	return all
}

// stored is what the store has, as topic=payload.
func (h *house) stored() (all []string) {
	require.NoError(h, h.store.Scan(persistence.PartRetained.Key(), nil, func(key, value []byte) bool {
		frame, version, _, err := persistence.DecodeRetained(value)
		require.NoError(h, err)
		var p packet.Publish
		require.NoError(h, p.Decode(frame, version))
		require.Equal(h, string(key[1:]), string(p.Topic))
		all = append(all, string(p.Topic)+"="+string(p.Payload))
		return true
	}))
	return all
}

func text(size int) string { return strings.Repeat("x", size) }
