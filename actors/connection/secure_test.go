package connection

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// The first failure is logged, then one a minute with how many were not, however
// many loops see them.
func TestEpisode(t *testing.T) {
	var e episode
	loud, quiet := e.tell(1000)
	require.True(t, loud)
	require.Zero(t, quiet)
	for range 5 {
		loud, _ = e.tell(1000 + quietMillis - 1)
		require.False(t, loud)
	}
	var all sync.WaitGroup
	var said, silent atomic.Int64
	for range 8 {
		all.Go(func() {
			if loud, quiet := e.tell(1000 + quietMillis); loud {
				said.Add(1)
				silent.Add(quiet)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, said.Load())
	require.GreaterOrEqual(t, silent.Load(), int64(5))
	_, quiet = e.tell(1000 + 2*quietMillis)
	require.EqualValues(t, 5+7, silent.Load()+quiet)
}
