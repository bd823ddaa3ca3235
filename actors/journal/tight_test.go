package journal_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/journal"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/faulty"
)

const (
	tightLine = "the data directory has come near to what it may take: messages that have to be kept wait, until Clients have taken some"
	looseLine = "there is room in the data directory again, messages are kept"
)

// Where little room is left what makes more is written, and messages wait.
func TestTightStore(t *testing.T) {
	tight := fmt.Errorf("%w: 57 of 64", persistence.ErrNoSpace)
	var said error
	var told []bool
	h := newHouse(t, journal.Options{Sync: true, Tight: func() error { return said }, Full: func(on bool) { told = append(told, on) }}, faulty.Plan{})
	h.disk() // it looks as it starts
	publisher, a := h.Witness(), h.Witness()

	said = tight
	h.write(a, "1")
	h.disk()
	require.Equal(t, []uint64{1}, h.committed(a), "what was under way is written")
	require.Equal(t, 1, h.logged(tightLine))
	require.EqualValues(t, 1, h.counters.StoreTight.Load())
	require.Equal(t, []bool{true}, told)

	// A ticket begins no group, and is in none.
	ticket := h.ticket(publisher)
	h.release(ticket)
	require.Empty(t, h.work)
	h.dirty(a, true)
	c := h.collect(a)
	require.True(t, c.Tight)
	require.False(t, ticket.In(c.Group))
	h.stage(c, "2")
	h.disk()
	require.Equal(t, []uint64{2}, h.committed(a))
	require.Empty(t, publisher.Got())
	done := h.flush()
	require.True(t, closed(done), "who wants all to be written does not wait for what nobody was promised")
	h.committed(a)

	// It looks by itself whether there is room by now.
	for range 3 {
		h.pass(700)
		h.disk()
		require.Empty(t, h.work)
		require.Empty(t, publisher.Got())
	}
	said = nil
	h.pass(700)
	h.disk()
	require.Equal(t, 1, h.logged(looseLine))
	require.Zero(t, h.counters.StoreTight.Load())
	require.Equal(t, []bool{true, false}, told)
	require.Len(t, h.committed(publisher), 1)
	require.True(t, ticket.In(99))
	require.Equal(t, 1, h.logged(tightLine))
}
