package retained

import (
	"container/heap"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
)

// sweepMost bounds the expired messages that one turn removes.
const sweepMost = 512

// expiry says when to look at a topic. The topic may have another message by
// then; the message's own time decides.
type expiry struct {
	at   int64 // Unix ms
	name string
}

// expiries is a heap with the earliest first.
type expiries []expiry

func (e expiries) Len() int           { return len(e) }
func (e expiries) Less(i, j int) bool { return e[i].at < e[j].at }
func (e expiries) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *expiries) Push(x any)        { *e = append(*e, x.(expiry)) }
func (e *expiries) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	(*e)[last] = expiry{}
	*e = (*e)[:last]
	return x
}

// remember notes when a message expires. A topic that is often updated leaves
// notes that are no longer true; when they are many the heap is made anew.
func (r *Retained) remember(at int64, name string) {
	times := &r.store.times
	heap.Push(times, expiry{at, name})
	if len(*times) > 1024+4*r.store.tree.Len() {
		*times = slices.DeleteFunc(*times, func(e expiry) bool {
			k, ok := r.get([]byte(e.name))
			return !ok || k.deadline() != e.at
		})
		heap.Init(times)
	}
	r.arm()
}

// sweep removes what is due, a slice at a time.
func (r *Retained) sweep(ctx actor.Context, now int64) {
	times := &r.store.times
	for range sweepMost {
		if len(*times) == 0 || (*times)[0].at > now {
			break
		}
		due := heap.Pop(times).(expiry)
		if k, ok := r.get([]byte(due.name)); ok && k.expired(now) {
			r.remove([]byte(due.name))
			r.forget(due.name)
			r.counters.DroppedExpired.Add(1)
		}
	}
	r.tell(ctx)
	r.arm()
}

func (r *Retained) arm() {
	if len(r.store.times) > 0 {
		r.loop.Start(r.timer, r.store.times[0].at)
	}
}
