package retained

import (
	"bytes"
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/persistence"
)

// unwritten is how topics begin of which each start of the broker makes new
// messages: they are not written.
const unwritten = "$SYS/"

// goneMost bounds the expired messages that are deleted with one group.
const goneMost = 4096

// note marks a topic as changed and tells the journal. urgent: somebody waits
// until that is safe.
func (r *Retained) note(ctx actor.Context, name []byte, urgent bool) {
	if r.disk.Journal == nil || bytes.HasPrefix(name, []byte(unwritten)) || len(name) > persistence.TextMost {
		return // the last only comes from the program
	}
	r.store.dirty.add(name)
	r.store.need = max(r.store.need, lazily)
	if due := r.disk.Wrote != nil && r.disk.Wrote(1); urgent || due {
		r.store.need = urgently
	}
	r.tell(ctx)
}

// forget notes that the message of a topic has expired. Should the broker end
// before that is written, it is found expired at the next start. It is for who
// calls tell afterwards.
func (r *Retained) forget(name string) {
	if r.disk.Journal == nil || strings.HasPrefix(name, unwritten) || r.store.dirty.has([]byte(name)) {
		return
	}
	r.store.gone = append(r.store.gone, name)
	r.store.need = max(r.store.need, lazily)
}

// tell says once what the journal does not know yet.
func (r *Retained) tell(ctx actor.Context) {
	s := r.store
	if r.disk.Journal == nil || s.said >= s.need {
		return
	}
	s.said = s.need
	ctx.Send(r.disk.Journal, &message.Dirty{Source: ctx.Self(), Urgent: s.need == urgently})
}

// collect gives the journal the state of each topic that changed since the last
// time. Should it fail, the journal gets an answer without changes, and what was
// noted is still there when the actor starts again.
func (r *Retained) collect(ctx actor.Context, m *message.Collect) {
	answer := &message.Staged{Group: m.Group, Source: m.Source}
	defer func() {
		ctx.Send(m.Journal, answer)
		r.tell(ctx) // of what is left
	}()
	s := r.store
	s.said = silent
	r.commit() // a failure can undo no more of what is on disk
	batch, written, left := r.gather(m.Tight)

	// From here on nothing fails.
	answer.Batch = batch
	if answer.Wants = len(written) > 0 && r.crowded(); answer.Wants {
		s.staged = append(s.staged, stage{m.Group, written})
	}
	s.dirty.reset()
	s.need = silent
	for _, name := range left {
		s.dirty.add([]byte(name))
		s.need = lazily
	}
	if len(s.gone) > goneMost {
		s.gone, s.need = s.gone[goneMost:], lazily
	} else {
		s.gone = nil
	}
}

// gather makes the batch, and tells which messages it writes. With tight it
// makes room alone, and tells which topics it has left.
func (r *Retained) gather(tight bool) (batch *persistence.Batch, written []kept, left []string) {
	s := r.store
	batch = new(persistence.Batch)
	written = make([]kept, 0, len(s.dirty.order))
	var room []byte // all keys and records are parts of few pieces of memory
	for _, name := range s.dirty.order {
		k, ok := r.get([]byte(name))
		switch {
		case !ok:
			batch.Delete(persistence.PartRetained.Named(name))
		case tight:
			left = append(left, name)
		case k.resident(): // otherwise a failure undid the change
			from := len(room)
			room = append(append(room, byte(persistence.PartRetained)), name...)
			to := len(room)
			room = persistence.AppendRetained(room, k.frame(), k.version(), k.deadline())
			batch.Put(room[from:to:to], room[to:len(room):len(room)])
			written = append(written, k)
		}
	}
	for _, name := range s.gone[:min(goneMost, len(s.gone))] {
		if _, again := r.get([]byte(name)); !again { // else the message that is there now is written, or to be
			batch.Delete(persistence.PartRetained.Named(name))
		}
	}
	return batch, written, left
}
