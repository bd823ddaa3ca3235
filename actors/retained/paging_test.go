package retained_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/retained"
	"github.com/troupemq/troupe/persistence"
)

func TestFramesBeyondTheBoundLeaveMemory(t *testing.T) {
	const bound = 4096
	h := newHouse(t, retained.Limits{Memory: bound})
	var all []string
	size := int64(0)
	for i := range 300 {
		topic := fmt.Sprintf("t/%05d", i)
		h.retain(topic, text(50), 0, nil)
		all = append(all, topic+"="+text(50))
		if i%10 == 9 {
			h.write()
			require.LessOrEqual(t, h.counters.RetainedResident.Load(), int64(bound))
			size = max(size, h.counters.RetainedResident.Load())
		}
	}
	require.Greater(t, size, int64(bound)-200, "it makes use of it")
	require.EqualValues(t, 300, h.counters.RetainedMessages.Load())
	require.Greater(t, h.counters.RetainedBytes.Load(), int64(300*50))
	require.Equal(t, all, h.kept("t/+"))
	require.Equal(t, all[:1], h.kept("t/00000"))
	require.Equal(t, all[299:], h.kept("t/00299"))
	require.LessOrEqual(t, h.counters.RetainedResident.Load(), int64(bound), "reading brings nothing back")

	for i := range 300 { // what is on disk is replaced and removed like what is in memory
		topic := fmt.Sprintf("t/%05d", i)
		switch i % 3 {
		case 0:
			h.retain(topic, "", 0, nil)
		case 1:
			h.retain(topic, "new", 0, nil)
		}
	}
	h.write()
	require.EqualValues(t, 200, h.counters.RetainedMessages.Load())
	require.Len(t, h.kept("#"), 200)
	require.Equal(t, []string{"t/00001=new"}, h.kept("t/00001"))
	for i := range 300 {
		h.retain(fmt.Sprintf("t/%05d", i), "", 0, nil)
	}
	require.EqualValues(t, 0, h.counters.RetainedMessages.Load())
	require.EqualValues(t, 0, h.counters.RetainedBytes.Load())
	require.EqualValues(t, 0, h.counters.RetainedResident.Load())
}

func TestOnlyWhatIsCommittedLeavesMemory(t *testing.T) {
	h := newHouse(t, retained.Limits{Memory: 1})
	topics := h.same(3)
	keeper := h.tables.Retained[0]
	for _, topic := range topics {
		h.retain(topic, "old", 0, nil)
	}
	before := h.counters.RetainedResident.Load()
	staged := h.collect(keeper)
	require.True(t, staged.Wants)
	require.Equal(t, before, h.counters.RetainedResident.Load())
	h.retain(topics[0], "new", 0, nil)
	h.retain(topics[1], "", 0, nil)
	h.commit(staged)
	require.Equal(t, before/3, h.counters.RetainedResident.Load(), "the one that is newer than its group")
	h.slow = true
	h.ask(keeper, "#")
	require.Len(t, h.asked, 1)
	require.Equal(t, topics[2:], h.asked[0].topics)
	h.answer()
	h.Settle()
	require.Equal(t, []string{topics[0] + "=new", topics[2] + "=old"}, h.texts(h.slice()))

	h.commit(h.collect(keeper))
	require.Zero(t, h.counters.RetainedResident.Load())
	require.False(t, h.collect(keeper).Wants)
}

// A group may have more than one turn may take out of memory, and the actor may fail in between.
func TestFramesLeaveMemoryInSlices(t *testing.T) {
	h := newHouse(t, retained.Limits{Memory: 1})
	topics := h.same(3*retained.EvictMost + 1)
	keeper := h.tables.Retained[0]
	for _, topic := range topics {
		h.retain(topic, "x", 0, nil)
	}
	staged := h.collect(keeper)
	require.NoError(t, h.store.Apply(staged.Batch))
	h.Root.Send(keeper, &message.Retain{})
	h.Root.Send(keeper, &message.Committed{Group: staged.Group})
	h.Root.Send(keeper, &message.Retain{})
	h.Settle()
	require.Len(t, h.Failures, 2)
	require.Zero(t, h.counters.RetainedResident.Load())
	require.Len(t, h.kept("#"), len(topics))

	for _, topic := range topics[:10] {
		h.retain(topic, "y", 0, nil)
	}
	staged = h.collect(keeper)
	show := h.stores[0].Hide() // it fails at the first
	h.commit(staged)
	show()
	require.Len(t, h.Failures, 3)
	h.retain(topics[11], "y", 0, nil)
	h.commit(h.collect(keeper))
	require.EqualValues(t, h.counters.RetainedBytes.Load()/int64(len(topics)), h.counters.RetainedResident.Load(), "all but that one")
}

// The first slice of 64 is read, and meanwhile messages change.
func TestChangesWhileASliceIsRead(t *testing.T) {
	h := newHouse(t, retained.Limits{Memory: 1})
	topics := h.same(5)
	keeper := h.tables.Retained[0]
	for _, topic := range topics {
		h.retain(topic, "old", 0, nil)
	}
	h.write()
	require.Zero(t, h.counters.RetainedResident.Load())
	h.slow = true
	h.ask(keeper, "t/+")
	require.Equal(t, topics, h.asked[0].topics)

	h.retain(topics[0], "in memory", 0, nil)
	h.retain(topics[1], "", 0, nil)
	h.retain(topics[2], "expires", 1, nil)
	h.Elapse(1100)
	h.Settle()
	reply := h.fetch() // "old" of all
	h.retain(topics[3], "on disk again", 0, nil)
	h.write()
	h.retain(topics[0], "in memory", 0, nil)
	reply()
	h.Settle()
	require.Empty(t, h.asker.Got(), "one is read again")
	require.Equal(t, topics[3:4], h.asked[0].topics)
	h.answer()
	h.Settle()
	require.Equal(t, []string{topics[0] + "=in memory", topics[3] + "=on disk again", topics[4] + "=old"}, h.texts(h.slice()))
	require.Zero(t, h.counters.DroppedUnread.Load())
}

func TestReplayFromDiskIsReadASliceAtATime(t *testing.T) {
	h := newHouse(t, retained.Limits{Memory: 1})
	topics := h.same(3*retained.SliceMessages + 1)
	keeper := h.tables.Retained[0]
	for _, topic := range topics {
		h.retain(topic, "x", 0, nil)
	}
	h.write()
	h.slow = true
	h.ask(keeper, "#")
	var got []string
	for {
		require.Nil(t, h.slice())
		require.Len(t, h.asked, 1)
		h.answer()
		h.Settle()
		slice := h.slice()
		got = append(got, h.texts(slice)...)
		require.Empty(t, h.asked, "nothing is read before it is asked for")
		if slice.Next == nil {
			break
		}
		h.Send(keeper, slice.Next)
	}
	require.Len(t, got, len(topics))
	for i, topic := range topics {
		require.Equal(t, topic+"=x", got[i])
	}
}

// A replay goes on over the tree with which it began, of which the disk knows
// nothing: what is read is what is there now.
func TestReplayOverMessagesThatLeftMemorySince(t *testing.T) {
	h := newHouse(t, retained.Limits{Memory: 1})
	topics := h.same(2 * retained.SliceMessages)
	keeper := h.tables.Retained[0]
	for _, topic := range topics {
		h.retain(topic, "old", 0, nil)
	}
	h.write()
	h.ask(keeper, "#")
	first := h.slice()
	require.Len(t, first.Runs, retained.SliceMessages)
	rest := topics[retained.SliceMessages:]
	h.retain(rest[0], "in memory", 0, nil)
	h.commit(h.collect(keeper))
	h.retain(rest[1], "", 0, nil)
	h.retain(rest[2], "in memory", 0, nil)
	h.Send(keeper, first.Next)
	got := h.texts(h.slice())
	require.Len(t, got, len(rest)-1)
	require.Equal(t, []string{rest[0] + "=in memory", rest[2] + "=in memory", rest[3] + "=old"}, got[:3])
}

func TestMessagesThatCannotBeRead(t *testing.T) {
	h := newHouse(t, retained.Limits{Memory: 1})
	topics := h.same(3)
	for _, topic := range topics {
		h.retain(topic, "x", 0, nil)
	}
	h.write()
	h.unread = errors.New("the disk is gone")
	require.Empty(t, h.kept("t/+"))
	require.EqualValues(t, 3, h.counters.DroppedUnread.Load())
	require.Equal(t, 1, h.logs.Len(), "logged once per episode")
	require.Contains(t, h.logs.All()[0].ContextMap()["error"], "the disk is gone")

	h.unread = nil
	other := persistence.AppendRetained(nil, []byte{0x31, 4, 0, 1, 'a', 'x'}, 4, 0)
	var damage persistence.Batch
	damage.Delete(persistence.PartRetained.Named(topics[0]))
	damage.Put(persistence.PartRetained.Named(topics[1]), other)
	require.NoError(t, h.store.Apply(&damage))
	require.Equal(t, []string{topics[2] + "=x"}, h.kept("t/+"))
	require.EqualValues(t, 5, h.counters.DroppedUnread.Load())
	require.EqualValues(t, 3, h.counters.RetainedMessages.Load(), "they may be readable another time")
	require.Empty(t, h.kept(topics[0]))
	require.Equal(t, 2, h.logs.Len())
}
