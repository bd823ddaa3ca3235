package journal_test

import (
	"fmt"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/journal"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/persistence/faulty"
)

var disk = journal.Options{Sync: true}

func TestGroupsGatherWhileOneIsWritten(t *testing.T) {
	h := newHouse(t, disk, faulty.Plan{})
	a, b, idle := h.Witness(), h.Witness(), h.Witness()
	h.write(a, "1")
	for range 3 {
		h.dirty(a, true)
		h.dirty(b, true)
	}
	require.Empty(t, a.Got())
	require.Empty(t, b.Got(), "there is a group under way")
	require.Len(t, h.work, 1)

	h.disk()
	got := a.Got()
	require.Len(t, got, 2)
	require.Equal(t, &message.Committed{Group: 1}, got[0])
	again := got[1].(*message.Collect)
	require.EqualValues(t, 2, again.Group)
	other := h.collect(b)
	require.EqualValues(t, 2, other.Group)
	h.stage(again, "2")
	require.Empty(t, h.work, "one has not answered")
	h.stage(other, "3")
	h.disk()
	require.Equal(t, []uint64{2}, h.committed(a))
	require.Equal(t, []uint64{2}, h.committed(b))
	require.Empty(t, idle.Got())
	require.Empty(t, h.work)
	require.Equal(t, 2, h.store.Applies(), "one batch for each group")
	require.Equal(t, 2, h.store.Syncs())
	require.EqualValues(t, 2, h.counters.StoreGroups.Load())
	for i := range 3 {
		require.True(t, has(t, h.inner.CrashClone(), fmt.Sprint(i+1)))
	}
}

// What a source says while it is collected from is for the next group.
func TestDirtyDuringACollect(t *testing.T) {
	h := newHouse(t, disk, faulty.Plan{})
	a := h.Witness()
	h.dirty(a, true)
	first := h.collect(a)
	h.dirty(a, true) // behind the Collect in its mailbox, say
	h.stage(first, "1")
	h.disk()
	got := a.Got()
	require.Len(t, got, 2)
	require.EqualValues(t, 2, got[1].(*message.Collect).Group)
}

func TestNothingToWriteNeedsNoDisk(t *testing.T) {
	h := newHouse(t, disk, faulty.Plan{})
	publisher, a := h.Witness(), h.Witness()
	h.release(h.ticket(publisher))
	require.Equal(t, []uint64{1}, h.committed(publisher), "all who keep it have nothing to write")

	h.dirty(a, true) // and it was acknowledged before the group began
	c := h.collect(a)
	h.stage(c, "")
	require.Equal(t, []uint64{2}, h.committed(a))
	h.stage(c, "late") // an answer too many
	require.Empty(t, h.work)
	require.Zero(t, h.store.Applies()+h.store.Syncs())
}

func TestEachIsToldOnce(t *testing.T) {
	h := newHouse(t, disk, faulty.Plan{})
	a := h.Witness()
	one, two, three := h.ticket(a), h.ticket(a), h.ticket(a)
	h.dirty(a, true)
	one.Release()
	two.Release()
	three.Hold(1)
	h.release(three)
	h.stage(h.collect(a), "")
	got := a.Got() // the tickets came while it was collected from
	require.Equal(t, []any{&message.Committed{Group: 1}, &message.Committed{Group: 2}}, got)
	require.True(t, one.In(2) && two.In(2))
	require.False(t, one.In(1))
	require.False(t, three.In(2), "somebody holds it")
	h.release(three)
	require.Equal(t, []uint64{3}, h.committed(a))
	require.True(t, three.In(3) && three.In(4) && !three.In(2))
}

// Who says Dirty lazily is collected from before long, or with the next that is
// urgent.
func TestUrgentAndLazy(t *testing.T) {
	h := newHouse(t, disk, faulty.Plan{})
	lazy, urgent := h.Witness(), h.Witness()
	h.dirty(lazy, false)
	h.pass(80)
	require.Empty(t, lazy.Got())
	h.dirty(urgent, true)
	h.stage(h.collect(lazy), "lazy")
	h.stage(h.collect(urgent), "urgent")
	h.disk()
	lazy.Got()

	h.dirty(lazy, false)
	require.Empty(t, lazy.Got())
	h.dirty(lazy, true) // somebody waits now
	h.stage(h.collect(lazy), "again")
	h.disk()
	lazy.Got()

	h.dirty(lazy, false)
	h.pass(200)
	h.stage(h.collect(lazy), "at last")
	h.disk()
	require.Equal(t, []uint64{3}, h.committed(lazy))

	h.dirty(lazy, false)
	h.release(h.ticket(urgent))
	h.collect(lazy)
}

// With an interval that is what may be lost, unless there is much.
func TestInterval(t *testing.T) {
	h := newHouse(t, journal.Options{Interval: 5000}, faulty.Plan{})
	a := h.Witness()
	h.dirty(a, false)
	h.pass(2000)
	h.dirty(a, false)
	h.pass(2900)
	require.Empty(t, a.Got())
	h.pass(200)
	h.stage(h.collect(a), "1")
	h.disk()
	require.True(t, has(t, h.inner, "1"))
	h.disk() // and safe from a loss of power, soon
	require.True(t, has(t, h.inner.CrashClone(), "1"))
	a.Got()

	h.dirty(a, false)
	require.Empty(t, a.Got())
	h.dirty(a, true) // it has taken so many messages that a group is due
	h.stage(h.collect(a), "2")
	h.disk()
	require.True(t, has(t, h.inner, "2"))
	require.False(t, has(t, h.inner.CrashClone(), "2"))
	a.Got()

	h.dirty(a, false)
	h.pass(1200)
	h.disk()
	require.True(t, has(t, h.inner.CrashClone(), "2"), "a loss of power takes a second at most")
	require.Empty(t, a.Got(), "which is no reason to be in a hurry otherwise")
	h.pass(3600)
	require.Empty(t, a.Got())
	h.pass(300)
	h.collect(a)
}

// Where acknowledgements do not promise to survive a loss of power, much does all the same.
func TestSyncWithoutHaste(t *testing.T) {
	h := newHouse(t, journal.Options{}, faulty.Plan{})
	a := h.Witness()
	h.write(a, "1")
	h.disk()
	h.disk() // the first time there is nothing to wait for
	require.Equal(t, 1, h.store.Syncs())
	for i := range 20 {
		a.Got()
		h.write(a, fmt.Sprint("lazy", i))
		h.disk()
		h.pass(10)
	}
	require.Empty(t, h.work)
	h.pass(1100)
	h.disk()
	require.Equal(t, 2, h.store.Syncs())
	require.True(t, has(t, h.inner.CrashClone(), "lazy19"))
	h.pass(5000)
	require.Empty(t, h.work, "there is nothing to make safe")
}

func TestFlush(t *testing.T) {
	h := newHouse(t, disk, faulty.Plan{})
	a := h.Witness()
	require.True(t, closed(h.flush()), "there is nothing")
	h.dirty(a, false)
	done := h.flush()
	h.stage(h.collect(a), "1")
	require.False(t, closed(done))
	h.dirty(a, false)
	second, third := h.flush(), h.flush()
	h.disk()
	require.True(t, closed(done))
	require.False(t, closed(second), "it has to have all that came before it")
	got := a.Got()
	h.stage(got[1].(*message.Collect), "2")
	h.disk()
	require.True(t, closed(second) && closed(third))
	require.True(t, has(t, h.inner.CrashClone(), "2"))

	h.dirty(a, false)
	last, after := h.flush(), h.flush()
	h.Root.Stop(h.journal)
	h.Settle()
	require.True(t, closed(last) && closed(after), "nobody waits for a journal that has ended")
}

// mute is a source that takes nothing.
type mute struct{}

func (mute) Receive(actor.Context) {}

// A source that ends is no reason to wait, whether it gets the Collect or not.
func TestSourceEnds(t *testing.T) {
	h := newHouse(t, disk, faulty.Plan{})
	a := h.Witness()
	early := h.Spawn("early", func(*system.Mailbox) actor.Actor { return mute{} })
	late := h.Spawn("late", func(*system.Mailbox) actor.Actor { return mute{} })
	h.Send(h.journal, &message.Dirty{Source: early}, &message.Dirty{Source: late}, &message.Dirty{Source: a.PID})
	h.Root.Stop(early)
	h.Settle()
	h.Root.Stop(late) // in the same turn, it has the Collect in its mailbox
	h.Root.Send(late, &message.Collect{Group: 1, Journal: h.journal, Root: h.Root, Source: late})
	h.dirty(a, true)
	h.stage(h.collect(a), "1")
	h.disk()
	require.Equal(t, []uint64{1}, h.committed(a))
	require.True(t, has(t, h.inner, "1"))
}
