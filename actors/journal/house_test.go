package journal_test

import (
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/troupemq/troupe/actors/actortest"
	"github.com/troupemq/troupe/actors/journal"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/internal/telemetry"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/faulty"
	"github.com/troupemq/troupe/persistence/memory"
	"github.com/troupemq/troupe/protocol/packet"
)

// house is a journal whose sources and publishers are witnesses. The test plays
// the disk: work for it is done when the test says so.
type house struct {
	require.TestingT
	*actortest.Stage
	inner    *memory.Store
	store    *faulty.Store
	counters *telemetry.Counters
	logs     *observer.ObservedLogs
	journal  *actor.PID
	work     []func() // for the disk
	failed   []error  // what Failed was told
}

func newHouse(t require.TestingT, o journal.Options, plan faulty.Plan) *house {
	return newHouseOver(t, memory.New(), o, plan)
}

func newHouseOver(t require.TestingT, inner *memory.Store, o journal.Options, plan faulty.Plan) *house {
	h := &house{TestingT: t, Stage: actortest.NewStage(), inner: inner, store: faulty.New(inner, plan), counters: new(telemetry.Counters)}
	core, logs := observer.New(zap.InfoLevel)
	h.logs = logs
	o.Store, o.Counters, o.Log = h.store, h.counters, zap.New(core)
	o.Disk = func(work func()) { h.work = append(h.work, work) }
	o.Failed = func(err error) { h.failed = append(h.failed, err) }
	h.journal = h.Spawn("journal", func(*system.Mailbox) actor.Actor { return journal.New(o, h.Loop) })
	if t, ok := t.(testing.TB); ok {
		t.Cleanup(func() {
			require.Empty(h, h.Broken())
			require.Empty(h, h.Failures)
		})
	}
	return h
}

// disk does the next piece of work.
func (h *house) disk() {
	require.NotEmpty(h, h.work, "there is nothing to be done")
	next := h.work[0]
	h.work = h.work[1:]
	next()
	h.Settle()
}

// pass lets time go by, with a tick of the clock for timers.
func (h *house) pass(milliseconds int64) {
	h.Elapse(milliseconds)
	h.Settle()
}

func (h *house) dirty(w *actortest.Witness, urgent bool) {
	h.Send(h.journal, &message.Dirty{Source: w.PID, Urgent: urgent})
}

// collect takes the Collect that came, and nothing else.
func (h *house) collect(w *actortest.Witness) *message.Collect {
	got := w.Got()
	require.Len(h, got, 1)
	require.IsType(h, &message.Collect{}, got[0])
	c := got[0].(*message.Collect)
	require.Equal(h, w.PID, c.Source)
	require.Equal(h, h.journal, c.Journal)
	return c
}

// stage answers with a key that gets a value; "" for nothing.
func (h *house) stage(c *message.Collect, key string) {
	m := &message.Staged{Group: c.Group, Source: c.Source, Wants: true}
	if key != "" {
		m.Batch = new(persistence.Batch)
		m.Batch.Put(named(key), []byte{1})
	}
	h.Send(h.journal, m)
}

// write has a source write a key, as far as to the disk.
func (h *house) write(w *actortest.Witness, key string) {
	h.dirty(w, true)
	h.stage(h.collect(w), key)
}

// committed takes the word that groups are committed, and nothing else.
func (h *house) committed(w *actortest.Witness) (groups []uint64) {
	for _, m := range w.Got() {
		require.IsType(h, &message.Committed{}, m)
		groups = append(groups, m.(*message.Committed).Group)
	}
	return groups
}

// ticket is one that the journal gets when it is released.
func (h *house) ticket(publisher *actortest.Witness) *message.Ticket {
	return message.NewTicket(h.Root, h.journal, publisher.PID)
}

func (h *house) release(t *message.Ticket) {
	t.Release()
	h.Settle()
}

// has tells whether a store has a key.
func has(t require.TestingT, s persistence.Store, key string) bool {
	_, err := s.Get(nil, named(key))
	if err != nil {
		require.ErrorIs(t, err, persistence.ErrNotFound)
	}
	return err == nil
}

func named(key string) []byte { return persistence.PartRetained.Named(key) }

// flush asks for everything to be written.
func (h *house) flush() <-chan struct{} {
	done := make(chan struct{})
	h.Send(h.journal, &message.Flush{Done: done})
	return done
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// body is a shared body.
func body(payload string) *packet.Run {
	return packet.NewRun(&packet.Publish{Topic: []byte("t"), QoS: packet.QoS1, PacketID: 1, Payload: []byte(payload)}, packet.V5)
}

// count is how many pages refer to a body, as the store has it.
func (h *house) count(id uint64) int {
	value, err := h.inner.Get(nil, persistence.PartCount.Key(id))
	if err != nil {
		require.ErrorIs(h, err, persistence.ErrNotFound)
		return 0
	}
	return int(value[len(value)-1])
}
