package message

import (
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/persistence"
)

// Door is where messages for a durable Session are left, whether it has an actor
// or is asleep: in the store alone, but for this and its Topic Filters. What
// comes for one that is asleep waits in its [House], and wakes it. A Door is its
// Session's as long as that lasts; publishers have it from the topic index.
type Door struct {
	Receiver
	Number   uint64 // of the Session in the store
	ClientID string
	house    *House
	within   atomic.Pointer[Within] // nil: it is asleep, or about to wake
}

// Within is the mailbox of a Session that is awake.
type Within interface {
	Mailbox
	// Offer is Post for a mailbox that may have retired: then it refuses.
	Offer(message any) (waiting int, taken bool)
	// Retire makes Offer refuse from now on, if nothing waits.
	Retire() bool
}

// House keeps what waits at the doors of the sleeping Sessions of one registry.
type House struct {
	root     *actor.RootContext
	registry *actor.PID

	mu      sync.Mutex
	waiting map[*Door][]any
}

// Woken brings a registry what the store has of a Session that is to wake.
type Woken struct {
	Door  *Door
	Saved *persistence.SavedSession // nil: it could not be read this time
}

// Kept tells a registry that a session is durable, and by which door it is reached.
type Kept struct {
	Session *actor.PID
	Door    *Door
}

// Asleep tells a registry that a session has closed its door, for nothing is
// left of it that the store does not have. At is when it wants to wake, in Unix
// ms; 0: not by itself.
type Asleep struct {
	Session  *actor.PID
	Door     *Door
	At       int64
	Connects uint32 // Connect messages that the actor has seen
}

// Wake tells a registry that something waits at a door. It is said once until
// the door was opened.
type Wake struct{ Door *Door }

// NewHouse makes a house for a registry that is about to start.
func NewHouse(root *actor.RootContext) *House {
	return &House{root: root, waiting: make(map[*Door][]any)}
}

// Belong says which registry has the house, before the first door is left to others.
func (h *House) Belong(registry *actor.PID) { h.registry = registry }

// NewDoor makes the door of a Session that is asleep.
func (h *House) NewDoor(id, number uint64, clientID string) *Door {
	d := &Door{Number: number, ClientID: clientID, house: h}
	d.ID, d.Durable, d.Bridge, d.Mailbox = id, true, OfBridge(clientID), d
	return d
}

// Post implements Mailbox.
func (d *Door) Post(message any) (waiting int) {
	if w := d.within.Load(); w != nil {
		if waiting, taken := (*w).Offer(message); taken {
			return waiting
		}
	}
	return d.house.wait(d, message)
}

// wait keeps a message until the door is opened.
func (h *House) wait(d *Door, message any) (waiting int) {
	h.mu.Lock()
	if w := d.within.Load(); w != nil {
		if waiting, taken := (*w).Offer(message); taken { // it was opened meanwhile
			h.mu.Unlock()
			return waiting
		}
	}
	before := len(h.waiting[d])
	h.waiting[d] = append(h.waiting[d], message)
	h.mu.Unlock()
	if before == 0 {
		h.root.Send(h.registry, &Wake{d})
	}
	return before + 1
}

// Open lets in what waits, in its order and before all that comes later. The
// Session is awake and has this mailbox.
func (d *Door) Open(w Within) {
	h := d.house
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.waiting[d] {
		w.Post(m)
	}
	delete(h.waiting, d)
	d.within.Store(&w)
}

// Close leaves in the house what comes from now on. It returns false if there
// is something in the mailbox; then the door stays open. The Session's own actor calls it.
func (d *Door) Close() bool {
	w := d.within.Load()
	if w == nil || !(*w).Retire() {
		return false
	}
	d.within.Store(nil)
	return true
}

// Awaited tells whether something waits for the door to be opened.
func (d *Door) Awaited() bool {
	d.house.mu.Lock()
	defer d.house.mu.Unlock()
	return len(d.house.waiting[d]) > 0
}

// Warm implements Mailbox.
func (d *Door) Warm() {
	if w := d.within.Load(); w != nil {
		(*w).Warm()
	}
}

// UserMessageCount implements Mailbox.
func (d *Door) UserMessageCount() int {
	if w := d.within.Load(); w != nil {
		return (*w).UserMessageCount()
	}
	d.house.mu.Lock()
	defer d.house.mu.Unlock()
	return len(d.house.waiting[d])
}
