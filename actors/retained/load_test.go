package retained_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/retained"
	"github.com/troupemq/troupe/internal/telemetry"
	"github.com/troupemq/troupe/persistence"
)

func TestLoadGivesEachActorItsShare(t *testing.T) {
	h := newHouse(t, retained.Limits{})
	var all []string
	for i := range 200 {
		topic := fmt.Sprintf("t/%03d", i)
		h.retain(topic, "x", 0, nil)
		all = append(all, topic+"=x")
	}
	bytes := h.counters.RetainedBytes.Load()
	h.write()
	h.move(h.store.CrashClone())
	require.Equal(t, all, h.kept("t/+"))
	require.Equal(t, all[7:8], h.kept("t/007"), "the one actor that publishers and subscribers ask has it")
	h.retain("t/007", "y", 0, nil)
	require.Equal(t, []string{"t/007=y"}, h.kept("t/007"))
	require.EqualValues(t, 200, h.counters.RetainedMessages.Load())
	require.EqualValues(t, bytes, h.counters.RetainedBytes.Load())
	require.EqualValues(t, bytes, h.counters.RetainedResident.Load())
}

func TestLoadWithinItsMemory(t *testing.T) {
	const bound = 2000
	h := newHouse(t, retained.Limits{})
	var all []string
	for i := range 200 {
		topic := fmt.Sprintf("t/%03d", i)
		h.retain(topic, text(i), 0, nil)
		if i > 0 {
			all = append(all, topic+"="+text(i))
		}
	}
	bytes := h.counters.RetainedBytes.Load()
	h.write()
	h.limits = retained.Limits{Memory: bound, Messages: 1, Bytes: 1}
	h.move(h.store)
	require.LessOrEqual(t, h.counters.RetainedResident.Load(), int64(bound))
	require.Greater(t, h.counters.RetainedResident.Load(), int64(bound-300))
	require.EqualValues(t, bytes, h.counters.RetainedBytes.Load())
	require.EqualValues(t, len(all), h.counters.RetainedMessages.Load(), "a bound that was lowered takes nothing away")
	require.Equal(t, all, h.kept("#"))
}

func TestTimeWentByWhileTheBrokerWasDown(t *testing.T) {
	h := newHouse(t, retained.Limits{Memory: 100})
	topics := h.same(3)
	for i, topic := range topics {
		h.retain(topic, text(60), uint32(12-i), nil)
	}
	h.retain("ever", "x", 0, nil)
	h.write()
	h.Elapse(10_000)
	h.move(h.store.CrashClone())
	require.EqualValues(t, 1, h.counters.DroppedExpired.Load())
	require.EqualValues(t, 3, h.counters.RetainedMessages.Load())
	require.Equal(t, []string{"dirty 0"}, h.dirty())
	h.write()
	require.Len(t, h.stored(), 3)

	h.Elapse(1100)
	h.Settle()
	require.Equal(t, []string{"ever=x", topics[0] + "=" + text(60)}, h.kept("#"), "it still expires, in memory or not")
	require.EqualValues(t, 2, h.counters.RetainedMessages.Load())
	h.Elapse(1000)
	h.Settle()
	h.write()
	require.Equal(t, []string{"ever=x"}, h.stored())
}

func TestClockWentBackWhileTheBrokerWasDown(t *testing.T) {
	h := newHouse(t, retained.Limits{})
	h.Elapse(1_000_000)
	h.retain("a", "x", 10, nil)
	h.write()
	h.Elapse(-1_000_000)
	h.move(h.store.CrashClone())
	require.Equal(t, []string{"a=x"}, h.kept("#"))
	h.ask(h.keeper("a"), "a")
	require.EqualValues(t, h.Now()+10_000, h.slice().Runs[0].Deadline)
	h.Elapse(10_100)
	h.Settle()
	require.Empty(t, h.kept("#"))
}

func TestDamagedRecords(t *testing.T) {
	h := newHouse(t, retained.Limits{})
	h.retain("a", "1", 0, nil)
	h.retain("b", "1", 0, nil)
	h.write()
	key := persistence.PartRetained.Named
	sound, err := h.store.Get(nil, key("a"))
	require.NoError(t, err)
	for name, record := range map[string][]byte{"empty": {}, "torn": sound[:len(sound)-1], "of another": sound, "": sound} {
		var b persistence.Batch
		b.Put(key(name), record)
		require.NoError(t, h.store.Apply(&b))

		var counters telemetry.Counters
		_, err := retained.Load(h.store, keepers, retained.Limits{}, h.Now(), &counters, nil)
		require.ErrorIs(t, err, persistence.ErrCorrupt)
		require.ErrorContains(t, err, fmt.Sprintf("%q", name))
		require.Zero(t, counters.RetainedMessages.Load())

		var lost []string
		_, err = retained.Load(h.store, keepers, retained.Limits{}, h.Now(), &counters, func(topic string, err error) {
			require.ErrorIs(t, err, persistence.ErrCorrupt)
			lost = append(lost, topic)
		})
		require.NoError(t, err)
		require.Equal(t, []string{name}, lost)
		require.EqualValues(t, 2, counters.RetainedMessages.Load(), "all that can be kept")

		b.Reset()
		b.Delete(key(name))
		require.NoError(t, h.store.Apply(&b))
	}
	require.NoError(t, h.store.Close())
	_, err = retained.Load(h.store, keepers, retained.Limits{}, h.Now(), h.counters, nil)
	require.ErrorIs(t, err, persistence.ErrClosed)
}
