package retained

import "github.com/troupemq/troupe/protocol/topic"

// Store is what one retained actor holds. It is made apart from the actor, so
// that it outlives a failure of it: the tree is immutable and each change is
// taken over whole or not at all. What has to be written outlives it too.
type Store struct {
	tree    *topic.Tree[kept]
	times   expiries
	changes uint32 // messages kept so far

	// What the journal has not been given yet.
	dirty names
	// gone are the topics of messages that expired. Nobody waits for these, and
	// after a long time away they may be all there are: each group takes some.
	gone []string
	// Invariant: need is more than silent as long as there is dirty or gone, and
	// said is need unless the actor has just failed.
	need, said word

	staged []stage // given to the journal, which has not committed it yet
	safe   []kept  // committed: may leave memory
}

// NewStore makes an empty store.
func NewStore() *Store { return &Store{tree: topic.NewTree[kept]()} }

// word is what the journal is told of things to be written.
type word uint8

const (
	silent   word = iota
	lazily        // there is something
	urgently      // and somebody waits for it
)

// stage is messages of one group of the journal that may leave memory once that
// is committed.
type stage struct {
	group uint64
	all   []kept
}

// names is a set of Topic Names in the order in which they came.
type names struct {
	order []string
	known map[string]struct{}
}

// namesKept is the number of names for which the memory of a set is used again.
const namesKept = 1024

// add takes a name, a view that the set does not keep.
func (n *names) add(name []byte) {
	if n.has(name) {
		return
	}
	if n.known == nil {
		n.known = make(map[string]struct{})
	}
	own := string(name)
	n.known[own] = struct{}{}
	n.order = append(n.order, own)
}

func (n *names) has(name []byte) bool {
	_, known := n.known[string(name)]
	return known
}

// reset empties the set.
func (n *names) reset() {
	if len(n.order) > namesKept {
		*n = names{}
		return
	}
	clear(n.known)
	clear(n.order)
	n.order = n.order[:0]
}
