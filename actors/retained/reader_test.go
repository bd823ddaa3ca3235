package retained_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/retained"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/memory"
)

// gated is a store of which Get waits for its gate, and fails for one topic.
type gated struct {
	*memory.Store
	gate   chan struct{}
	inside chan struct{}
}

var errOfOne = errors.New("this one cannot be read")

func (g *gated) Get(dst, key []byte) ([]byte, error) {
	g.inside <- struct{}{}
	<-g.gate
	if string(key[1:]) == "broken" {
		return dst, errOfOne
	}
	return g.Store.Get(dst, key)
}

func newGated(t *testing.T) *gated {
	g := &gated{memory.New(), make(chan struct{}), make(chan struct{}, 100)}
	var b persistence.Batch
	for i := range 10 {
		b.Put(persistence.PartRetained.Named(fmt.Sprint(i)), fmt.Append(nil, "record ", i))
	}
	require.NoError(t, g.Apply(&b))
	return g
}

func TestReaderGivesEachItsRecords(t *testing.T) {
	g := newGated(t)
	close(g.gate)
	r := retained.NewReader(g, 3)
	var all sync.WaitGroup
	for i := range 10 {
		all.Add(1)
		r.Read([]string{fmt.Sprint(i), "never there", fmt.Sprint(9 - i)}, func(records [][]byte, err error) {
			defer all.Done()
			if err != nil || len(records) != 3 || records[1] != nil ||
				string(records[0]) != fmt.Sprint("record ", i) || string(records[2]) != fmt.Sprint("record ", 9-i) {
				t.Errorf("%d: %q, %v", i, records, err)
			}
		})
	}
	all.Wait()
	all.Add(1)
	r.Read([]string{"broken", "1"}, func(records [][]byte, err error) {
		defer all.Done()
		if !errors.Is(err, errOfOne) || records[0] != nil || string(records[1]) != "record 1" {
			t.Errorf("%q, %v", records, err)
		}
	})
	all.Wait()
	r.Close()
}

func TestReaderIsBounded(t *testing.T) {
	g := newGated(t)
	r := retained.NewReader(g, 2)
	replies := make(chan struct{}, 10)
	for i := range 5 {
		r.Read([]string{fmt.Sprint(i)}, func([][]byte, error) { replies <- struct{}{} })
	}
	<-g.inside
	<-g.inside
	require.Empty(t, g.inside, "the others wait")
	for range 5 {
		g.gate <- struct{}{}
		<-replies
	}
	r.Close()
	require.Len(t, g.inside, 3)
}

func TestReaderClosesWhenItHasDoneWhatItDoes(t *testing.T) {
	g := newGated(t)
	r := retained.NewReader(g, 1)
	replies := make(chan int, 10)
	for i := range 3 {
		r.Read([]string{fmt.Sprint(i)}, func([][]byte, error) { replies <- i })
	}
	<-g.inside
	closed := make(chan struct{})
	go func() {
		r.Close()
		close(closed)
	}()
	g.gate <- struct{}{}
	if first := <-replies; first != 0 {
		t.Fatal("out of turn")
	}
	select { // Close may come before or after the next is taken
	case <-g.inside:
		g.gate <- struct{}{}
		<-replies
		select {
		case <-g.inside:
			g.gate <- struct{}{}
			<-replies
		case <-closed:
		}
	case <-closed:
	}
	<-closed
	r.Read([]string{"1"}, func([][]byte, error) { t.Error("it is closed") })
	r.Close()
}

// bomb is a store of a program that panics.
type bomb struct{ persistence.Store }

func (bomb) Get([]byte, []byte) ([]byte, error) { panic("boom") }

// A store that panics has an error, and the reader goes on.
func TestReaderOfAStoreThatPanics(t *testing.T) {
	r := retained.NewReader(bomb{}, 1)
	defer r.Close()
	for range 2 {
		failed := make(chan error, 1)
		r.Read([]string{"a", "b"}, func(_ [][]byte, err error) { failed <- err })
		require.EqualError(t, <-failed, "the store panicked: boom")
	}
}
