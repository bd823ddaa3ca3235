package retained

import (
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/protocol/topic"
)

// evictMost bounds the frames that one turn takes out of memory.
const evictMost = 512

// evict asks the actor to go on.
type evict struct{}

// crowded tells whether frames are to leave memory, and can.
func (r *Retained) crowded() bool {
	return r.limits.Memory > 0 && r.disk.Read != nil && r.counters.RetainedResident.Load() > r.limits.Memory
}

// committed takes note that groups are safe: what they wrote may leave memory.
//
// What passes the bound is what came or grew since, so it is enough to look at
// what was just written, and whoever came first stays. No order of use is kept.
// It would cost each message more than it brings: retained messages are read by
// `#` as often as not, and a cache that such a scan passes through in order of
// use is of no use to the next one, whereas a share of it that stays is. A topic
// that is updated often and stays makes no work at all. Messages that are not
// written cannot leave, and come on top of the bound if there is no room.
func (r *Retained) committed(ctx actor.Context, group uint64) {
	s := r.store
	for len(s.staged) > 0 && s.staged[0].group <= group {
		s.safe = append(s.safe, s.staged[0].all...)
		s.staged[0] = stage{}
		s.staged = s.staged[1:]
	}
	if !r.evicting {
		r.evict(ctx)
	}
}

// evict takes frames out of memory that are on disk, a slice at a time, until
// there are no more than the bound allows.
func (r *Retained) evict(ctx actor.Context) {
	s := r.store
	r.evicting = false
	for range evictMost {
		if len(s.safe) == 0 || !r.crowded() {
			s.safe = nil
			return
		}
		k := s.safe[0]
		s.safe[0] = kept{}
		s.safe = s.safe[1:]
		r.leave(k)
	}
	r.evicting = true
	ctx.Send(ctx.Self(), evict{})
}

// leave takes the frame of a message out of memory, unless the message has been
// replaced or removed: then this frame is not the one that is there.
func (r *Retained) leave(k kept) {
	name := strings.Clone(k.name()) // the view of the frame goes with it
	if now, ok := r.get([]byte(name)); !ok || now.first != k.first {
		return
	}
	r.change(func(e *topic.TreeEditor[kept]) { e.Put(name, k.without()) })
	r.counters.RetainedResident.Add(-int64(k.size))
}
