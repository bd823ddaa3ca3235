package retained

import (
	"bytes"
	"container/heap"
	"fmt"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/troupemq/troupe/internal/telemetry"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/topic"
)

// Load reads the retained messages of an instance, in one pass, and gives them
// to the stores of so many retained actors as publishers will. It counts them in
// counters. Frames beyond limits.Memory stay on disk; the other limits are for
// what comes later.
//
// Messages that expired by now, in Unix ms by the wall clock, are left out; the
// actors will delete them. A deadline further away than the message's own
// Message Expiry Interval says that the clock has gone backwards: it is set to
// that interval from now.
//
// damaged is told of records that cannot be read, which are left out and will be
// deleted; if it is nil they are an error, which wraps persistence.ErrCorrupt.
func Load(from persistence.Store, actors int, limits Limits, now int64, counters *telemetry.Counters, damaged func(topic string, err error)) ([]*Store, error) {
	l := loading{now: now, memory: limits.Memory, shares: make([]share, actors)}
	for i := range l.shares {
		l.shares[i].store = NewStore()
		l.shares[i].edit = l.shares[i].store.tree.Edit()
	}
	var failed error
	prefix := persistence.PartRetained.Key()
	err := from.Scan(prefix, nil, func(key, record []byte) bool {
		name := key[len(prefix):]
		s := &l.shares[xxhash.Sum64(name)%uint64(actors)] // as routing.Tables has it
		if err := l.take(s, name, record); err != nil {
			if damaged == nil {
				failed = fmt.Errorf("the retained message on %q: %w", name, err)
				return false
			}
			damaged(string(name), err)
			s.drop(name)
		}
		return true
	})
	if failed == nil && err != nil {
		failed = fmt.Errorf("read the retained messages: %w", err)
	}
	if failed != nil {
		return nil, failed
	}
	stores := make([]*Store, actors)
	for i := range l.shares {
		stores[i] = l.shares[i].done()
	}
	counters.RetainedMessages.Add(l.messages)
	counters.RetainedBytes.Add(l.bytes)
	counters.RetainedResident.Add(l.resident)
	counters.DroppedExpired.Add(l.expired)
	return stores, nil
}

// loading is a Load that is under way.
type loading struct {
	now, memory                        int64
	shares                             []share
	messages, bytes, resident, expired int64
}

// share is what one actor gets of it.
type share struct {
	store *Store
	edit  *topic.TreeEditor[kept]
}

// take reads a record, which is valid during the call alone.
func (l *loading) take(s *share, name, record []byte) error {
	frame, version, deadline, err := persistence.DecodeRetained(record)
	if err != nil {
		return err
	}
	layout := packet.LayoutOf(frame, version)
	if len(name) == 0 || !bytes.Equal(frame[layout.Topic:layout.TopicEnd], name) {
		return fmt.Errorf("%w: it has the topic %q", persistence.ErrCorrupt, frame[layout.Topic:layout.TopicEnd])
	}
	if deadline != 0 {
		if deadline <= l.now {
			l.expired++
			s.drop(name)
			return nil
		}
		var run packet.Run
		if run.Restore(frame, version, deadline); run.HasExpiry {
			deadline = min(deadline, l.now+int64(run.Expiry)*1000)
		}
	}
	size := int64(len(frame))
	k := kept{stamp: stampOf(version, deadline), size: uint32(size)}
	own := ""
	if l.memory == 0 || l.resident+size <= l.memory {
		k = k.with(string(frame))
		own = k.name()
		l.resident += size
	} else {
		own = string(name)
	}
	s.edit.Put(own, k)
	l.messages++
	l.bytes += size
	if deadline != 0 {
		s.store.times = append(s.store.times, expiry{deadline, strings.Clone(own)})
	}
	return nil
}

// drop has the actor delete what is there.
func (s *share) drop(name []byte) {
	s.store.gone = append(s.store.gone, string(name))
	s.store.need = lazily
}

func (s *share) done() *Store {
	s.store.tree = s.edit.Commit()
	heap.Init(&s.store.times)
	return s.store
}
