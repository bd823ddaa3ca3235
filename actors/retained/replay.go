package retained

import (
	"cmp"
	"fmt"
	"unsafe"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/topic"
)

// What bounds one slice of a replay.
const (
	sliceMessages = 64
	sliceBytes    = 64 << 10
	sliceSteps    = 1024 // through the tree, whether they match or not
)

// slice is a part of a replay whose frames are not all in memory. It goes to
// the reader and comes back as a message, and is nowhere else meanwhile.
type slice struct {
	replay  *message.Replay
	items   []kept // in order
	missing []missing
	records [][]byte // of missing, from disk
	err     error    // why some of them are not there
	last    bool
}

// missing is a message whose frame has to be read.
type missing struct {
	item int
	name string
}

// replay sends the next slice to a new subscriber, or has it read.
func (r *Retained) replay(ctx actor.Context, m *message.Replay) {
	cursor, ok := m.Position.(*topic.Cursor[kept])
	if !ok {
		cursor = r.store.tree.Find(m.Filter)
	}
	s := &slice{replay: m}
	now, size := r.loop.Now(), 0
	s.last = cursor.Walk(sliceSteps, func(name string, k kept) bool {
		if !k.resident() {
			// The cursor's tree may be an old one, the disk has what is true now.
			if k, ok = r.get([]byte(name)); !ok {
				return true
			}
		}
		if !k.expired(now) {
			if !k.resident() {
				s.missing = append(s.missing, missing{len(s.items), name})
			}
			s.items = append(s.items, k)
			size += int(k.size)
		}
		return len(s.items) < sliceMessages && size < sliceBytes
	})
	if !s.last {
		m.Position = cursor
	}
	r.deliver(ctx, s)
}

// deliver sends a slice that is complete, and has the others read.
func (r *Retained) deliver(ctx actor.Context, s *slice) {
	if len(s.missing) > 0 {
		r.read(ctx, s)
		return
	}
	var found runs
	for _, k := range s.items {
		if k.resident() { // otherwise it has gone
			found.add(k, len(s.items))
		}
	}
	answer := &message.Retained{Filter: s.replay.Filter, Runs: found.all, Terms: s.replay.Terms}
	if !s.last {
		answer.Next = s.replay
	}
	ctx.Send(s.replay.Subscriber, answer)
}

// read sends a slice to the reader, with the names of what is missing.
func (r *Retained) read(ctx actor.Context, s *slice) {
	topics := make([]string, len(s.missing))
	for i := range s.missing {
		topics[i] = s.missing[i].name
	}
	self, root := ctx.Self(), ctx.ActorSystem().Root
	r.disk.Read(topics, func(records [][]byte, err error) {
		s.records, s.err = records, err
		root.Send(self, s)
	})
}

// turn completes a slice that comes back from the reader. Messages may have been
// replaced or removed meanwhile: who asks has subscribed before, so he gets what
// is new live, and must not get anything older than that afterwards.
func (r *Retained) turn(ctx actor.Context, s *slice) {
	now := r.loop.Now()
	changed := s.missing[:0]
	for i, miss := range s.missing {
		before := s.items[miss.item]
		k, ok := r.get([]byte(miss.name))
		switch {
		case !ok || k.expired(now):
			k = kept{}
		case k.resident(): // a newer one
		case k.change != before.change: // a newer one that left memory since
			changed = append(changed, miss)
		default:
			k = r.restore(k, miss.name, s.records[i], s.err)
		}
		s.items[miss.item] = k
	}
	s.missing, s.records, s.err = changed, nil, nil
	r.deliver(ctx, s)
}

// restore is k with the frame of a record, or nothing if that is not its own:
// then the message stays where it is, but this subscriber does not get it.
func (r *Retained) restore(k kept, name string, record []byte, failed error) kept {
	frame, err := frameOf(record, k, name)
	if err != nil {
		r.counters.DroppedUnread.Add(1)
		if !r.blind {
			r.log.Error("a retained message cannot be read and is not delivered", zap.String("topic", name), zap.Error(cmp.Or(failed, err)))
		}
		r.blind = true
		return kept{}
	}
	r.blind = false
	return k.with(unsafe.String(unsafe.SliceData(frame), len(frame))) // the record is ours and never changes
}

// frameOf is the frame in the record of a message.
func frameOf(record []byte, k kept, name string) ([]byte, error) {
	if record == nil {
		return nil, persistence.ErrNotFound
	}
	frame, version, _, err := persistence.DecodeRetained(record)
	if err != nil {
		return nil, err
	}
	if len(frame) != int(k.size) || version != k.version() {
		return nil, fmt.Errorf("%w: it has %d bytes of version %v, and not %d of %v", persistence.ErrCorrupt, len(frame), version, k.size, k.version())
	}
	if l := packet.LayoutOf(frame, version); string(frame[l.Topic:l.TopicEnd]) != name {
		return nil, fmt.Errorf("%w: it has the topic %q", persistence.ErrCorrupt, frame[l.Topic:l.TopicEnd])
	}
	return frame, nil
}
