package badger

import (
	"bytes"
	"runtime/pprof"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/persistence"
)

// compacting counts the library's, of all stores of the process.
func compacting(t *testing.T) int {
	t.Helper()
	var stacks bytes.Buffer
	require.NoError(t, pprof.Lookup("goroutine").WriteTo(&stacks, 2))
	return bytes.Count(stacks.Bytes(), []byte(").runCompactor("))
}

func TestCompactorsRestWithoutWork(t *testing.T) {
	others := compacting(t)
	s := mustOpen(t, t.TempDir())
	require.Equal(t, others, compacting(t), "a new store has none")
	for i := 0; s.Resting(); i++ {
		require.Less(t, i, 1000, "no log became a table")
		var b persistence.Batch
		b.Put(persistence.PartPage.Key(uint64(i)), make([]byte, 10<<10))
		require.NoError(t, s.Apply(&b))
	}
	require.Eventually(t, func() bool { return compacting(t) == others+2 }, 10*time.Second, time.Millisecond)
	require.Eventually(t, func() bool {
		require.NoError(t, s.Maintain(t.Context()))
		return s.Resting()
	}, 30*time.Second, 20*time.Millisecond, "they rest once the table is merged")
	require.Equal(t, others, compacting(t))
	require.Zero(t, s.db.Levels()[0].NumTables)
}
