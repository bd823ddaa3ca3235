package retained_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/retained"
	"github.com/troupemq/troupe/persistence"
)

func TestJournalHearsOnceOfWhatChanged(t *testing.T) {
	h := newHouse(t, retained.Limits{})
	topics := h.same(2)
	a, b, keeper := topics[0], topics[1], h.tables.Retained[0]
	h.retain(a, "1", 0, nil)
	require.Equal(t, []string{"dirty 0"}, h.dirty())
	h.retain(a, "2", 0, nil)
	h.retain(b, "1", 0, nil)
	require.Empty(t, h.dirty(), "it is known")
	require.Empty(t, h.stored())

	staged := h.collect(keeper)
	require.Equal(t, 2, staged.Batch.Len(), "one write for each topic")
	require.False(t, staged.Wants)
	h.commit(staged)
	require.Equal(t, []string{a + "=2", b + "=1"}, h.stored())

	require.Zero(t, h.collect(keeper).Batch.Len())
	h.retain(b, "", 0, nil)
	require.Equal(t, []string{"dirty 0"}, h.dirty())
	h.commit(h.collect(keeper))
	require.Equal(t, []string{a + "=2"}, h.stored())
}

func TestOneWriteForManyChangesOfATopic(t *testing.T) {
	h := newHouse(t, retained.Limits{})
	topic := h.same(1)[0]
	for i := range 100 {
		h.retain(topic, fmt.Sprint(i), 0, nil)
		h.retain(topic, "", 0, nil)
	}
	staged := h.collect(h.tables.Retained[0])
	require.Equal(t, 1, staged.Batch.Len())
	require.True(t, staged.Batch.Ops()[0].Delete)
	h.retain(topic, "last", 0, nil)
	staged = h.collect(h.tables.Retained[0])
	require.Equal(t, 1, staged.Batch.Len())
	h.commit(staged)
	require.Equal(t, []string{topic + "=last"}, h.stored())
}

func TestTicketIsReleasedBehindTheWordToTheJournal(t *testing.T) {
	h := newHouse(t, retained.Limits{})
	topic := h.same(1)[0]
	h.retain(topic, "1", 0, h.ticket())
	require.Equal(t, []string{"dirty 0 urgent", "ready"}, h.dirty())
	h.retain(topic, "2", 0, h.ticket())
	require.Equal(t, []string{"ready"}, h.dirty())
	h.commit(h.collect(h.tables.Retained[0]))

	h.retain(topic, "3", 0, nil)
	h.retain(topic, "4", 0, h.ticket())
	require.Equal(t, []string{"dirty 0", "dirty 0 urgent", "ready"}, h.dirty(), "what was lazy has become urgent")
	h.retain(topic, "5", 0, nil)
	require.Empty(t, h.dirty())
}

func TestTicketOfWhatChangesNothing(t *testing.T) {
	h := newHouse(t, retained.Limits{Messages: 1})
	topics := h.same(2)
	h.retain(topics[0], "", 0, h.ticket())
	require.Equal(t, []string{"ready"}, h.dirty(), "there was nothing to remove")
	h.retain(topics[0], "1", 0, nil)
	h.retain(topics[1], "1", 0, h.ticket())
	require.Equal(t, []string{"dirty 0", "ready"}, h.dirty(), "it was refused")

	// A removal that waits to be written is a second Client's too.
	h.retain(topics[0], "", 0, nil)
	h.retain(topics[0], "", 0, h.ticket())
	require.Equal(t, []string{"dirty 0 urgent", "ready"}, h.dirty())
}

func TestTicketIsReleasedByAFailure(t *testing.T) {
	h := newHouse(t, retained.Limits{})
	h.Send(h.tables.Retained[1], &message.Retain{Ticket: h.ticket()})
	require.Len(t, h.Failures, 1)
	require.Equal(t, []string{"ready"}, h.dirty())
}

func TestFailureForgetsNothingThatIsToBeWritten(t *testing.T) {
	h := newHouse(t, retained.Limits{})
	topics := h.same(3)
	keeper := h.tables.Retained[0]
	h.retain(topics[0], "1", 0, h.ticket())
	h.Send(keeper, &message.Retain{})
	h.retain(topics[1], "1", 0, nil)
	require.Len(t, h.Failures, 1)
	require.Equal(t, []string{"dirty 0 urgent", "ready"}, h.dirty(), "the journal knows")

	// It fails while it collects.
	show := h.stores[0].Hide()
	h.group++
	h.Send(keeper, &message.Collect{Group: h.group, Journal: h.journal.PID, Root: h.Root, Source: keeper})
	show()
	require.Len(t, h.Failures, 2)
	got := h.journal.Got()
	require.Equal(t, []any{
		&message.Staged{Group: h.group, Source: keeper},
		&message.Dirty{Source: keeper, Urgent: true},
	}, got, "an answer, and the same again")
	h.retain(topics[2], "1", 0, nil)
	require.Equal(t, 3, h.collect(keeper).Batch.Len())
}

func TestMessagesOfTheBrokerAreNotWritten(t *testing.T) {
	h := newHouse(t, retained.Limits{})
	h.retain("$SYS/broker/version", "1", 1, h.ticket())
	require.Equal(t, []string{"ready"}, h.dirty())
	h.retain("$SYSTEM", "1", 0, nil)
	require.Len(t, h.dirty(), 1)
	h.write()
	require.Equal(t, []string{"$SYSTEM=1"}, h.stored())
	require.Equal(t, []string{"$SYS/broker/version=1"}, h.kept("$SYS/#"))
	h.Elapse(2000)
	h.Settle()
	require.Empty(t, h.kept("$SYS/#"))
	require.Empty(t, h.dirty())
}

func TestExpiryIsWritten(t *testing.T) {
	h := newHouse(t, retained.Limits{})
	topics := h.same(3)
	keeper := h.tables.Retained[0]
	h.retain(topics[0], "short", 1, nil)
	h.retain(topics[1], "short", 1, nil)
	h.retain(topics[2], "long", 100, nil)
	h.write()
	require.Len(t, h.stored(), 3)
	h.dirty()

	h.retain(topics[1], "again", 1, nil) // is being written when it expires
	h.dirty()
	h.Elapse(1100)
	h.Settle()
	require.Empty(t, h.dirty(), "the journal knows already")
	staged := h.collect(keeper)
	require.Equal(t, 2, staged.Batch.Len())
	h.commit(staged)
	require.Equal(t, []string{topics[2] + "=long"}, h.stored())

	h.Elapse(100_000)
	h.Settle()
	require.Equal(t, []string{"dirty 0"}, h.dirty(), "nobody waits for it")
	h.retain(topics[2], "new", 0, nil) // before that is written
	h.write()
	require.Equal(t, []string{topics[2] + "=new"}, h.stored())
}

func TestManyThatExpireAreDeletedInSlices(t *testing.T) {
	h := newHouse(t, retained.Limits{})
	topics := h.same(retained.GoneMost + 10)
	for _, topic := range topics {
		h.retain(topic, "x", 1, nil)
	}
	h.write()
	h.move(h.store) // and nothing of them is in memory
	require.EqualValues(t, len(topics), h.counters.RetainedMessages.Load())
	h.Elapse(2000)
	h.move(h.store)
	require.EqualValues(t, 0, h.counters.RetainedMessages.Load())
	require.EqualValues(t, len(topics), h.counters.DroppedExpired.Load())
	require.Equal(t, []string{"dirty 0"}, h.dirty())

	h.retain(topics[0], "y", 0, nil)
	h.retain(topics[len(topics)-1], "y", 0, nil)
	keeper := h.tables.Retained[0]
	h.group++
	h.Send(keeper, &message.Collect{Group: h.group, Journal: h.journal.PID, Root: h.Root, Source: keeper})
	got := h.journal.Got()
	require.Len(t, got, 2)
	staged := got[0].(*message.Staged)
	require.Equal(t, 2+retained.GoneMost-1, staged.Batch.Len())
	require.Equal(t, &message.Dirty{Source: keeper}, got[1], "there is more")
	h.commit(staged)
	require.Len(t, h.stored(), 11)
	h.commit(h.collect(keeper))
	require.Equal(t, []string{topics[0] + "=y", topics[len(topics)-1] + "=y"}, h.stored())
}

func TestWithoutAJournalNothingIsNoted(t *testing.T) {
	s := newScene(t, retained.Limits{Memory: 10})
	s.Send(s.keeper, s.message("a", text(100), 1))
	s.Elapse(2000)
	s.Settle()
	s.Send(s.keeper, s.message("a", text(100), 0), &message.Collect{Group: 1, Journal: s.asker.PID, Source: s.keeper})
	require.Equal(t, []any{&message.Staged{Group: 1, Source: s.keeper, Batch: new(persistence.Batch)}}, s.asker.Got())
	require.Len(t, s.kept("a"), 1)
}
