package faulty_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/faulty"
	"github.com/troupemq/troupe/persistence/memory"
	"github.com/troupemq/troupe/persistence/storetest"
)

func put(key string) *persistence.Batch {
	b := new(persistence.Batch)
	b.Put([]byte(key), []byte("v"))
	return b
}

func TestNoFaultIsAStore(t *testing.T) {
	var last *memory.Store
	dir := ""
	storetest.Run(t, func(_ *testing.T, now string) persistence.Store {
		if now == dir {
			last = last.Clone()
		} else {
			last, dir = memory.New(), now
		}
		return faulty.New(last, faulty.Plan{})
	})
}

func TestNthFails(t *testing.T) {
	boom := errors.New("boom")
	s := faulty.New(memory.New(), faulty.Plan{Apply: faulty.NthApply(2, boom), Sync: faulty.Nth(1, boom)})
	require.NoError(t, s.Apply(put("a")))
	require.ErrorIs(t, s.Apply(put("b")), boom)
	require.NoError(t, s.Apply(put("c")))
	require.ErrorIs(t, s.Sync(), boom)
	require.NoError(t, s.Sync())
	_, err := s.Get(nil, []byte("b"))
	require.ErrorIs(t, err, persistence.ErrNotFound, "a batch that failed is not there")
	require.Equal(t, 3, s.Applies())
	require.Equal(t, 2, s.Syncs())
}

func TestFullUntilToldOtherwise(t *testing.T) {
	s := faulty.New(memory.New(), faulty.Plan{Full: true})
	require.ErrorIs(t, s.Apply(put("a")), persistence.ErrNoSpace)
	require.NoError(t, s.Sync())
	s.SetFull(false)
	require.NoError(t, s.Apply(put("a")))
	_, err := s.Get(nil, []byte("a"))
	require.NoError(t, err)
}

func TestStoppedUntilLetGo(t *testing.T) {
	gate := make(chan struct{})
	s := faulty.New(memory.New(), faulty.Plan{Apply: func(int, *persistence.Batch) error { <-gate; return nil }})
	done := make(chan error)
	go func() { done <- s.Apply(put("a")) }()
	_, err := s.Get(nil, []byte("a"))
	require.ErrorIs(t, err, persistence.ErrNotFound, "reads go on")
	close(gate)
	require.NoError(t, <-done)
	_, err = s.Get(nil, []byte("a"))
	require.NoError(t, err)
}

func TestReadFails(t *testing.T) {
	boom := errors.New("boom")
	s := faulty.New(memory.New(), faulty.Plan{Read: func() error { return boom }})
	_, err := s.Get(nil, []byte("a"))
	require.ErrorIs(t, err, boom)
	require.ErrorIs(t, s.Scan(nil, nil, func(_, _ []byte) bool { return true }), boom)
}
