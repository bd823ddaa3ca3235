package troupe

import (
	"slices"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/actors/listener"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// processes are the paths of the actors below one, in a fixed order.
func (w *world) processes(below string) (paths []string) {
	for path := range w.tree.system.All() {
		if strings.HasPrefix(path, below) {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

// at is the actor of a path.
func (w *world) at(path string) *actor.PID {
	for is, pid := range w.tree.system.All() {
		if is == path {
			return pid
		}
	}
	return nil
}

// fault makes an actor fail by a message that it cannot handle.
func (w *world) fault() {
	below := func(path string, depth int) (ids []string) {
		for _, id := range w.processes(path) {
			if strings.Count(id, "/") == depth {
				ids = append(ids, id)
			}
		}
		return ids
	}
	var ids []string
	var poison any
	switch w.rng.IntN(8) {
	case 0, 1, 2:
		ids = below("instance/sessions/", 3)
		poison = &message.Deliver{Runs: []*packet.Run{nil}}
		if w.rng.IntN(2) == 0 { // in the middle of its work: the first message is taken, the second is none
			run := packet.NewRun(&packet.Publish{Topic: []byte("fault"), QoS: packet.QoS1}, packet.V5)
			poison = &message.Deliver{Runs: []*packet.Run{run, nil}, Terms: &session.Terms{QoS: packet.QoS1}}
		}
	case 3:
		ids = below("instance/listeners/", 4)
		poison = []any{(*message.Packets)(nil), (*message.Attached)(nil), (*message.Reading)(nil)}[w.rng.IntN(3)]
	case 4: // while it is at work
		for _, u := range w.users {
			if u.phase == online {
				u.subscribe(u.filters)
			}
		}
		w.scheduler.Flow()
		for range w.rng.IntN(40) {
			w.scheduler.Step()
		}
		ids = below("instance/router/", 2)
		poison = &message.Subscribe{Filters: make([]message.Filter, 1)}
	case 5:
		ids = below("instance/retained/", 2)
		poison = &message.Retain{}
	case 6:
		ids = below("instance/sessions/", 2)
		poison = &message.Connect{}
	case 7:
		ids = below("instance/listeners/", 3)
		poison = (*listener.Accepted)(nil)
	}
	ids = slices.DeleteFunc(ids, func(id string) bool {
		return w.spared[id] && (strings.HasSuffix(id, ":witness") || strings.HasPrefix(id, "instance/listeners/") && strings.Count(id, "/") == 4)
	})
	if len(ids) == 0 {
		return
	}
	id := ids[w.rng.IntN(len(ids))]
	w.recorder.Printf("--- fault of %s by %T", id, poison)
	w.happened.faults++
	w.faultStep, w.failing = w.tick(), true
	w.tree.system.Send(w.at(id), poison)
	w.hurry(id)
}

// hurry lets the Client of a session that is about to fail act before it can
// know: what it sent is under way when it comes back.
func (w *world) hurry(session string) {
	_, name, _ := strings.Cut(session, ":")
	for _, u := range w.users {
		if u.name != name || u.phase != online || w.rng.IntN(2) == 0 {
			continue
		}
		if w.rng.IntN(2) == 0 {
			u.recorder.Printf("%s vanishes and comes back", u.name)
			u.peer.Vanish()
		}
		u.publish()
		w.scheduler.Flow()
		for range w.rng.IntN(20) {
			w.scheduler.Step()
		}
		u.connect(false)
	}
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

// A session that failed tells its connection to close, which may linger. What
// that has to say afterwards must not pass for the word of the next connection.
func TestFailedSessionKnowsItsConnection(t *testing.T) {
	w := newWorld(1, nil, false)
	w.open()
	u := newUser(w, "user0", packet.V5)
	u.forever = true
	u.filters = []*filter{{name: "t/1", topic: "t/1", qos: packet.QoS0}}
	w.users = []*user{u}
	u.connect(true)
	w.calm()
	u.subscribe(u.filters)
	w.calm()
	u.peer.Vanish() // the last thing that the broker hears is more than fits into the socket
	run := packet.NewRun(&packet.Publish{Topic: []byte("t/1"), Payload: make([]byte, 1<<16)}, packet.V5)
	id := w.processes("instance/sessions/")
	at := slices.IndexFunc(id, func(id string) bool { return strings.HasSuffix(id, ":user0") })
	if at < 0 {
		t.Fatalf("no session among %v", id)
	}
	pid := w.at(id[at])
	w.tree.system.Send(pid, &message.Deliver{Runs: []*packet.Run{run}, Terms: &session.Terms{}})
	w.scheduler.Settle()
	w.tree.system.Send(pid, &message.Deliver{Runs: []*packet.Run{nil}})
	w.scheduler.Settle()
	u.vanished, u.session = true, unsure
	u.lost()
	u.connect(false)
	w.calm()
	w.pass(3000) // the first connection gives up
	u.ping()
	w.calm()
	if u.phase != online || u.pings != 0 || w.tree.counters.ClientsConnected.Load() != 2 {
		t.Errorf("the connection that came after the failure is not served: phase %d, %d pings without an answer", u.phase, u.pings)
	}
	w.end()
	for _, f := range w.failures {
		t.Error(f)
	}
}
