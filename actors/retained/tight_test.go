package retained_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/retained"
	"github.com/troupemq/troupe/persistence"
)

// Where the store has little room what makes more is written, and messages wait
// in memory for a later group.
func TestTightStoreGetsNoMessages(t *testing.T) {
	h := newHouse(t, retained.Limits{Memory: 1})
	a, b := h.same(2)[0], h.same(2)[1]
	keeper := h.keeper(a)
	h.retain(a, "1", 0, nil)
	h.write()
	h.retain(a, "", 0, nil)
	h.retain(b, "2", 0, nil)
	h.journal.Got()
	h.group++
	h.Send(keeper, &message.Collect{Group: h.group, Journal: h.journal.PID, Root: h.Root, Source: keeper, Tight: true})
	got := h.journal.Got()
	require.Len(t, got, 2)
	staged := got[0].(*message.Staged)
	require.Equal(t, []persistence.Op{{Key: persistence.PartRetained.Named(a), Delete: true}}, staged.Batch.Ops())
	require.Equal(t, &message.Dirty{Source: keeper}, got[1], "it has more to write, and nobody waits")
	h.commit(staged)
	require.Empty(t, h.stored())
	require.Equal(t, []string{b + "=2"}, h.kept("#"))
	h.commit(h.collect(keeper))
	require.Equal(t, []string{b + "=2"}, h.stored())
}
