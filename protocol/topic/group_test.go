package topic

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGroupCursorPassesFromVersionToVersion(t *testing.T) {
	const filter = "$share/g/a/+"
	e := NewIndex[string]().Edit()
	e.Put(filter, 1, "one")
	e.Put(filter, 2, "two")
	old := e.Commit()
	require.Equal(t, uint32(0), old.Group(filter).Next())
	e.Put(filter, 3, "three")
	x := e.Commit()
	require.Equal(t, uint32(1), x.Group(filter).Next())
	require.Equal(t, uint32(2), old.Group(filter).Next())
	require.True(t, e.Delete(filter, 1))
	x = e.Commit()
	require.Equal(t, uint32(3), x.Group(filter).Next())

	g := x.Group(filter)
	require.Equal(t, 2, g.Len())
	require.Equal(t, 2, old.Group(filter).Len())
	subscriber, v := g.At(1)
	require.Equal(t, uint64(3), subscriber)
	require.Equal(t, "three", v)

	// A group that ended is not the one that begins under its name.
	e.Delete(filter, 2)
	e.Delete(filter, 3)
	require.Nil(t, e.Commit().Group(filter))
	e.Put(filter, 4, "four")
	require.Equal(t, uint32(0), e.Commit().Group(filter).Next())
}

func TestGroupsAreApart(t *testing.T) {
	e := NewIndex[int]().Edit()
	e.Put("a", 1, 1)
	e.Put("$share/g/a", 1, 2)
	e.Put("$share/h/a", 1, 3)
	e.Put("$share/g/+", 1, 4)
	x := e.Commit()
	require.Equal(t, 4, x.Len())
	require.Equal(t, []string{"1=1", "g $share/g/+ 1=4", "g $share/g/a 1=2", "h $share/h/a 1=3"}, found(x, "a"))
	require.Nil(t, x.Group("a"))
	require.Nil(t, x.Group("$share/i/a"))
	require.Nil(t, x.Group("$share/h/+"))
	require.Nil(t, x.Group("$share/g/b"))
}

// TestReadersNeedNoLock means something under the race detector.
func TestReadersNeedNoLock(t *testing.T) {
	e := NewIndex[int]().Edit()
	for i := range 200 {
		e.Put("a/+", uint64(i), i)
		e.Put("$share/g/a/#", uint64(i), i)
	}
	x := e.Commit()
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			var m Matches[int]
			for range 200 {
				m.Reset()
				x.Match([]byte("a/b"), &m)
				n := 0
				for range m.Sets[0].All() {
					n++
				}
				m.Groups[0].Next()
				if n != 200 || m.Groups[0].Len() != 200 {
					t.Errorf("%d subscribers, %d members", n, m.Groups[0].Len())
				}
			}
		})
	}
	for i := range 200 {
		e.Delete("a/+", uint64(i))
		e.Delete("$share/g/a/#", uint64(i))
		e.Put("a/b", uint64(i), i)
		e.Commit()
	}
	readers.Wait()
	require.Equal(t, uint32(600), x.Group("$share/g/a/#").Next())
}
