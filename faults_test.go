package troupe

import (
	"slices"
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/actors/listener"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// processes are the identifiers of the actors below a path, in a fixed order.
func (w *world) processes(below string) (ids []string) {
	for _, bucket := range w.tree.system.Actors().ProcessRegistry.LocalPIDs.LocalPIDs {
		if bucket.Count() > 0 {
			ids = append(ids, bucket.Keys()...)
		}
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return !strings.HasPrefix(id, below) })
	slices.Sort(ids)
	return ids
}

// fault makes an actor fail by a message that it cannot handle.
func (w *world) fault() {
	var candidates []string
	for _, id := range w.processes("instance/") {
		if !w.spared[id] || strings.HasPrefix(id, "instance/retained/") || strings.HasPrefix(id, "instance/router/") {
			candidates = append(candidates, id)
		}
	}
	for _, pid := range w.tree.clients.Registries {
		candidates = append(candidates, pid.Id)
	}
	id := candidates[w.rng.IntN(len(candidates))]
	var poison any
	depth := strings.Count(id, "/")
	switch {
	case strings.HasPrefix(id, "instance/retained/"):
		poison = &message.Retain{}
	case strings.HasPrefix(id, "instance/router/"):
		poison = &message.Subscribe{Filters: make([]message.Filter, 1)}
	case strings.HasPrefix(id, "instance/sessions/") && depth == 2:
		poison = &message.Connect{}
	case strings.HasPrefix(id, "instance/sessions/"):
		// In the middle of its work: the first message is taken, the second is not one.
		run := packet.NewRun(&packet.Publish{Topic: []byte("fault"), QoS: packet.QoS1}, packet.V5)
		poison = &message.Deliver{Runs: []*packet.Run{run, nil}, Terms: &session.Terms{QoS: packet.QoS1}}
		if w.rng.IntN(2) == 0 {
			poison = &message.Deliver{Runs: []*packet.Run{nil}}
		}
	case strings.HasPrefix(id, "instance/listeners/") && depth == 3:
		poison = (*listener.Accepted)(nil)
	case strings.HasPrefix(id, "instance/listeners/") && depth == 4:
		poison = []any{(*message.Packets)(nil), (*message.Attached)(nil), (*message.Reading)(nil)}[w.rng.IntN(3)]
	default:
		return // a family: it does nothing that could fail
	}
	w.recorder.Printf("--- fault of %s by %T", id, poison)
	w.happened.faults++
	w.faultStep = w.tick()
	w.tree.system.Send(actor.NewPID("nonhost", id), poison)
}

// drain ends the instance's conversations as Shutdown does.
func (w *world) drain() {
	t := w.tree
	root := t.system.Root()
	for _, l := range t.listeners {
		root.Send(l, &message.Hush{})
	}
	t.tell(&message.Drain{})
	quiet := make(chan struct{}, len(t.listeners)*len(t.loops))
	for _, l := range t.listeners {
		root.Send(l, &message.Quiesce{Done: quiet})
	}
	w.calm()
	if len(quiet) != cap(quiet) {
		w.fail("the drain does not end: %d of %d answers", len(quiet), cap(quiet))
	}
	for _, u := range w.all() {
		if u.phase != offline {
			u.fail("%s is still connected after the drain", u.name)
		}
	}
}
