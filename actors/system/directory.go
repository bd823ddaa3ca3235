package system

import (
	"strconv"
	"strings"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// directoryName is the name by which an actor.ActorSystem knows its directory, and what the addresses of our PIDs begin with.
const directoryName = "troupe$"

// directory is the Systems that live in one actor.ActorSystem. Each has an address of its own, which makes protoactor ask the directory, and
// not its map of names, who is behind a PID.
//
// protoactor never forgets whom it asks. So it is given one directory, however many Systems come and go, and what stays behind when they
// have ended is this and nothing of theirs.
type directory struct {
	nobody // to protoactor it is a Process that takes nothing
	prefix string
	enter  sync.Once

	mu      sync.RWMutex
	systems map[string]*System // by address
	last    uint64             // number of an address; none is used twice
}

// directoryOf is the directory of actors, which is made for the first System.
func directoryOf(actors *actor.ActorSystem) *directory {
	d := &directory{nobody: nobody{actors}, systems: make(map[string]*System)}
	for name := directoryName; ; name += "$" {
		if _, mine := actors.ProcessRegistry.Add(d, name); !mine {
			process, _ := actors.ProcessRegistry.GetLocal(name)
			known, ok := process.(*directory)
			if !ok {
				continue // somebody else's
			}
			d = known
		}
		d.enter.Do(func() {
			d.prefix = name + "/"
			// Before all others: protoactor's remote takes every PID that is not local for its own.
			actors.ProcessRegistry.RemoteHandlers = append([]actor.AddressResolver{d.resolve}, actors.ProcessRegistry.RemoteHandlers...)
		})
		return d
	}
}

// join gives a System its address.
func (d *directory) join(s *System) (address string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last++
	address = d.prefix + strconv.FormatUint(d.last, 10)
	d.systems[address] = s
	return address
}

// leave forgets a System.
func (d *directory) leave(s *System) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.systems, s.cells.address)
}

// resolve tells protoactor who is behind a PID.
func (d *directory) resolve(pid *actor.PID) (actor.Process, bool) {
	if !strings.HasPrefix(pid.GetAddress(), d.prefix) {
		return nil, false
	}
	d.mu.RLock()
	s := d.systems[pid.GetAddress()]
	d.mu.RUnlock()
	if s != nil {
		if c := s.cells.find(pid); c != nil {
			return c, true
		}
	}
	return d.nobody, true
}

// nobody is behind a PID whose actor had ended before it was first sent to.
type nobody struct{ actors *actor.ActorSystem }

// SendUserMessage implements actor.Process.
func (n nobody) SendUserMessage(pid *actor.PID, message any) { lost(n.actors, pid, message) }

// SendSystemMessage implements actor.Process.
func (n nobody) SendSystemMessage(pid *actor.PID, message any) {
	if m, ok := message.(*actor.Watch); ok {
		tell(n.actors, m.Watcher, &actor.Terminated{Who: pid})
	}
}

// Stop implements actor.Process.
func (nobody) Stop(*actor.PID) {}

// tell sends a system message. Who watches what is not there is told so.
func tell(actors *actor.ActorSystem, pid *actor.PID, message any) {
	process, ok := actors.ProcessRegistry.Get(pid)
	if ok {
		process.SendSystemMessage(pid, message)
		return
	}
	if m, ok := message.(*actor.Watch); ok {
		tell(actors, m.Watcher, &actor.Terminated{Who: pid, Why: actor.TerminatedReason_NotFound})
	}
}

// lost tells a message that nobody will get it, and who waits for an answer to it that none will come.
func lost(actors *actor.ActorSystem, pid *actor.PID, message any) {
	e, enveloped := message.(*actor.MessageEnvelope)
	if enveloped {
		message = e.Message
	}
	if u, ok := message.(Undelivered); ok {
		u.Undelivered()
	}
	if enveloped && e.Sender != nil {
		if process, ok := actors.ProcessRegistry.Get(e.Sender); ok {
			process.SendUserMessage(e.Sender, &actor.DeadLetterResponse{Target: pid})
		}
	}
}
