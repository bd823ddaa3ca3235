package journal_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/actortest"
	"github.com/troupemq/troupe/actors/journal"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/faulty"
	"github.com/troupemq/troupe/persistence/memory"
)

const (
	fullLine   = "the disk is full: nothing is acknowledged that has to be written, until there is room"
	roomLine   = "there is room on the disk again, what waited is written"
	failedLine = "the store failed: nothing is acknowledged any more that has to be written"
)

func (h *house) logged(message string) int { return h.logs.FilterMessage(message).Len() }

// While the disk is full the group is kept and tried again, and what comes waits.
func TestFullDisk(t *testing.T) {
	h := newHouse(t, disk, faulty.Plan{Full: true})
	publisher, a, b := h.Witness(), h.Witness(), h.Witness()
	ticket := h.ticket(publisher)
	h.dirty(a, true)
	c := h.collect(a)
	h.release(ticket)
	h.stage(c, "1")
	h.disk()
	for i := range 5 {
		require.EqualValues(t, 1+i, h.counters.StoreFull.Load())
		require.EqualValues(t, 1, h.counters.StoreStalled.Load())
		require.Equal(t, 1, h.logged(fullLine), "once for all of it")
		h.dirty(b, true)
		h.pass(200)
		require.Empty(t, h.work, "not too often")
		h.pass(400)
		h.disk()
	}
	done := h.flush()
	require.Empty(t, a.Got())
	require.Empty(t, b.Got())
	require.Empty(t, publisher.Got())

	h.store.SetFull(false)
	h.pass(600)
	h.disk()
	require.Equal(t, []uint64{1}, h.committed(a))
	h.stage(h.collect(b), "2")
	require.Empty(t, publisher.Got())
	h.disk()
	require.Equal(t, []uint64{2}, h.committed(b))
	require.Equal(t, []uint64{2}, h.committed(publisher))
	require.True(t, closed(done))
	require.Zero(t, h.counters.StoreStalled.Load())
	require.Equal(t, 1, h.logged(roomLine))
	require.True(t, has(t, h.inner.CrashClone(), "1") && has(t, h.inner.CrashClone(), "2"))

	h.store.SetFull(true) // another episode
	h.write(a, "3")
	h.disk()
	require.Equal(t, 2, h.logged(fullLine))
	h.store.SetFull(false)
	h.pass(600)
	h.disk()
	require.Equal(t, []uint64{3}, h.committed(a))
	require.Equal(t, 2, h.logged(roomLine))
	require.EqualValues(t, 3, h.counters.StoreGroups.Load())
	require.Zero(t, h.counters.StoreFailed.Load())
	require.Empty(t, h.failed)
}

// A group whose changes were made and not synced is not made twice: it counts.
func TestFullDiskWithinAGroup(t *testing.T) {
	full := fmt.Errorf("%w: in the middle", persistence.ErrNoSpace)
	h := newHouse(t, disk, faulty.Plan{Sync: func(n int) error {
		if n < 4 {
			return full
		}
		return nil
	}})
	a := h.Witness()
	h.dirty(a, true)
	c := h.collect(a)
	batch := new(persistence.Batch)
	batch.Put(named("1"), nil)
	h.Send(h.journal, &message.Staged{Group: c.Group, Source: a.PID, Wants: true, Batch: batch, Bodies: []message.Body{{ID: 9, Run: body("x"), Count: 2}}})
	for range 3 {
		h.disk()
		require.Empty(t, a.Got())
		require.Equal(t, 2, h.count(9))
		h.pass(600)
	}
	h.disk()
	require.Equal(t, []uint64{1}, h.committed(a))
	require.Equal(t, 2, h.count(9))
	require.Equal(t, 1, h.store.Applies())
	require.Equal(t, 4, h.store.Syncs())

	h.dirty(a, true)
	h.Send(h.journal, &message.Staged{Group: h.collect(a).Group, Source: a.PID, Bodies: []message.Body{{ID: 9, Count: -2}}})
	h.disk()
	require.Zero(t, h.count(9))
	_, err := h.inner.Get(nil, persistence.PartBody.Key(9))
	require.ErrorIs(t, err, persistence.ErrNotFound)
}

// A full disk in front of Apply stages nothing twice either.
func TestFullDiskBeforeAGroup(t *testing.T) {
	h := newHouse(t, disk, faulty.Plan{Full: true})
	a := h.Witness()
	h.dirty(a, true)
	h.Send(h.journal, &message.Staged{Group: h.collect(a).Group, Source: a.PID, Wants: true, Bodies: []message.Body{{ID: 9, Run: body("x"), Count: 3}}})
	h.disk()
	h.pass(600)
	h.disk()
	h.store.SetFull(false)
	h.pass(600)
	h.disk()
	require.Equal(t, []uint64{1}, h.committed(a))
	require.Equal(t, 3, h.count(9))
}

// After any other error nobody is told that anything is safe.
func TestStoreFails(t *testing.T) {
	broken := errors.New("the device does not answer")
	for name, plan := range map[string]faulty.Plan{
		"write":  {Apply: faulty.NthApply(2, broken)},
		"sync":   {Sync: faulty.Nth(2, broken)},
		"panics": {Apply: func(n int, _ *persistence.Batch) error { must(n != 2); return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, disk, plan)
			publisher, a, b := h.Witness(), h.Witness(), h.Witness()
			h.write(a, "1")
			h.disk()
			require.Equal(t, []uint64{1}, h.committed(a))

			ticket := h.ticket(publisher)
			h.dirty(a, true)
			h.stage(h.collect(a), "2")
			h.release(ticket)
			done := h.flush()
			h.disk()
			require.Len(t, h.failed, 1)
			if name != "panics" {
				require.ErrorIs(t, h.failed[0], broken)
			}
			require.True(t, closed(done), "there is nothing to wait for")
			require.True(t, closed(h.flush()))

			h.write0(b)
			h.release(h.ticket(publisher))
			h.pass(60_000)
			require.Empty(t, h.work)
			require.Empty(t, a.Got())
			require.Empty(t, b.Got())
			require.Empty(t, publisher.Got())
			require.Len(t, h.failed, 1)
			require.Equal(t, 1, h.logged(failedLine))
			require.EqualValues(t, 1, h.counters.StoreFailed.Load())
			require.EqualValues(t, 1, h.counters.StoreStalled.Load())
			require.EqualValues(t, 1, h.counters.StoreGroups.Load())
		})
	}
}

func must(ok bool) {
	if !ok {
		panic("by plan")
	}
}

// write0 says Dirty for a source that will not be asked.
func (h *house) write0(w *actortest.Witness) {
	h.dirty(w, false)
	h.dirty(w, true)
}

// An error that ends a full disk's episode is one of the others.
func TestStoreFailsWhileTheDiskIsFull(t *testing.T) {
	broken := errors.New("the device is gone")
	h := newHouse(t, disk, faulty.Plan{Apply: func(n int, _ *persistence.Batch) error {
		if n == 1 {
			return persistence.ErrNoSpace
		}
		return broken
	}})
	a := h.Witness()
	h.write(a, "1")
	h.disk()
	h.pass(600)
	h.disk()
	require.Equal(t, []error{broken}, h.failed)
	h.pass(60_000)
	require.Empty(t, h.work)
	require.Empty(t, a.Got())
	require.Zero(t, h.logged(roomLine))
	require.EqualValues(t, 1, h.counters.StoreStalled.Load())
}

// What nobody waits for may fail too, and while a group is collected: that is
// never told committed, whether there is something to write in it or not.
func TestStoreFailsWithoutAGroup(t *testing.T) {
	broken := errors.New("the device is gone")
	for _, key := range []string{"", "2"} {
		h := newHouse(t, journal.Options{}, faulty.Plan{Sync: faulty.Nth(1, broken)})
		a := h.Witness()
		h.write(a, "1")
		h.disk()
		require.Equal(t, []uint64{1}, h.committed(a))
		h.dirty(a, true)
		c := h.collect(a)
		h.disk()
		require.Equal(t, []error{broken}, h.failed)
		h.stage(c, key)
		require.Empty(t, a.Got())
		require.Empty(t, h.work)
	}
}

// The same when the group is on its way already.
func TestStoreFailsInFrontOfAGroup(t *testing.T) {
	broken := errors.New("the device is gone")
	h := newHouse(t, journal.Options{}, faulty.Plan{Sync: faulty.Nth(1, broken)})
	a := h.Witness()
	h.write(a, "1")
	h.disk()
	a.Got()
	h.write(a, "2")
	require.Len(t, h.work, 2)
	h.disk()
	require.Equal(t, []error{broken}, h.failed)
	h.disk()
	require.Empty(t, a.Got())
	require.Len(t, h.failed, 1)
}

// leave makes what is left of a session that is over.
func leave(t *testing.T, s persistence.Store, sid uint64, pages int) {
	t.Helper()
	var b persistence.Batch
	for i := range pages {
		b.Put(persistence.PartPage.Key(sid, uint64(i)), nil)
	}
	b.Put(persistence.SubscriptionKey(sid, "a/#"), nil)
	b.Put(persistence.PartHead.Key(sid), nil)
	b.Put(persistence.PartEnded.Key(sid), nil)
	require.NoError(t, s.Apply(&b))
}

// left counts the keys of a session.
func left(t *testing.T, s persistence.Store, sid uint64) (n int) {
	t.Helper()
	for _, part := range []persistence.Part{persistence.PartSession, persistence.PartSubscription, persistence.PartHead, persistence.PartPage, persistence.PartEnded} {
		require.NoError(t, s.Scan(part.Key(sid), nil, func([]byte, []byte) bool { n++; return true }))
	}
	return n
}

// What is left of ended sessions goes in slices, and groups do not wait for more
// than one of them.
func TestEndedSessionsAreReapedBetweenGroups(t *testing.T) {
	inner := memory.New()
	leave(t, inner, 7, 1300)
	leave(t, inner, 8, 0)
	leave(t, inner, 9, 700)
	h := newHouseOver(t, inner, journal.Options{Sync: true, Ended: []uint64{7, 8}}, faulty.Plan{})
	a := h.Witness()
	require.Len(t, h.work, 1)
	h.disk()
	require.Equal(t, 1303-512, left(t, inner, 7))
	require.Len(t, h.work, 1)

	h.dirty(a, true)
	batch := new(persistence.Batch)
	batch.Put(named("1"), nil)
	h.Send(h.journal, &message.Staged{Group: h.collect(a).Group, Source: a.PID, Wants: true, Batch: batch, Ended: []uint64{9}})
	require.Len(t, h.work, 2)
	h.disk() // the slice that was asked for
	require.Len(t, h.work, 1, "then the group")
	h.disk()
	require.Equal(t, []uint64{1}, h.committed(a))
	require.Equal(t, 1303-2*512, left(t, inner, 7))
	for range 4 {
		require.Len(t, h.work, 1)
		h.disk()
	}
	for sid := range uint64(3) {
		require.Zero(t, left(t, inner, 7+sid), "%d", 7+sid)
	}
	h.disk() // nobody waits for that to be safe, but it is made so
	require.Zero(t, left(t, inner.CrashClone(), 7))
	require.Empty(t, h.work)
	require.Zero(t, h.logs.Len())
}

// A full disk does not leave them for ever.
func TestEndedSessionsAndAFullDisk(t *testing.T) {
	inner := memory.New()
	leave(t, inner, 7, 1)
	h := newHouseOver(t, inner, journal.Options{Ended: []uint64{7}}, faulty.Plan{Full: true})
	for range 3 {
		h.disk()
		require.Empty(t, h.work)
		h.pass(600)
	}
	require.Equal(t, 4, left(t, inner, 7))
	h.store.SetFull(false)
	h.disk()
	require.Zero(t, left(t, inner, 7))
	require.Empty(t, h.failed)
}

func TestEndedSessionThatCannotBeRead(t *testing.T) {
	inner := memory.New()
	leave(t, inner, 7, 1)
	leave(t, inner, 8, 1)
	reads := 0
	h := newHouseOver(t, inner, journal.Options{Ended: []uint64{7, 8}}, faulty.Plan{Read: func() error {
		if reads++; reads == 1 {
			return errors.New("no")
		}
		return nil
	}})
	h.disk()
	h.disk()
	require.NotZero(t, left(t, inner, 7))
	require.Zero(t, left(t, inner, 8))
	require.Empty(t, h.failed)
	require.Equal(t, 1, h.logs.Len())
}
