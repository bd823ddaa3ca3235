package topic

import "strings"

// trie is a persistent radix tree over the bytes of topics: what Index and Tree
// are made of. Branching by bytes rather than by levels bounds what an edit
// copies (a node has at most 256 kids, also where a level has 100,000 values),
// needs no hash that a hostile client could fill, and keeps topics in order.
// Chains are one node, so that a filter costs about one node and a topic of
// 65,535 levels no more than its bytes.
//
// Edits copy the nodes on their path once: a node whose epoch is the trie's is
// reachable from this trie alone and is changed in place. A committed snapshot
// keeps its epoch and whatever edits on from it takes the next one, so a node
// with the epoch of an edit was always made by that edit.
type trie[T any] struct {
	root  *node[T] // nil: empty. Its label is empty
	epoch uint64
}

// node stands for the topic that the labels from the root to it spell.
//
// Invariant: a node that is not the root has a value or at least two kids.
// Invariant: with set, key is the whole topic; without, it ends in the label and
// is no longer than the topic, which the keys below hold as well.
// Invariant: who may change a node may change its branch.
type node[T any] struct {
	key    string
	start  uint32 // the label is key[start:]
	set    bool   // value is there
	wild   bool   // the label holds a wildcard
	epoch  uint64
	branch *branch[T]
	value  T
}

func (n *node[T]) label() string { return n.key[n.start:] }

func (n *node[T]) kid(c byte) *node[T] {
	if n.branch == nil {
		return nil
	}
	return n.branch.get(c)
}

func (t *trie[T]) next() trie[T] { return trie[T]{root: t.root, epoch: t.epoch + 1} }

func (t *trie[T]) get(key string) *node[T] {
	n := t.root
	for n != nil {
		label := n.label()
		if !strings.HasPrefix(key, label) {
			return nil
		}
		key = key[len(label):]
		if key == "" {
			if n.set {
				return n
			}
			return nil
		}
		n = n.kid(key[0])
	}
	return nil
}

// own makes the node in slot changeable.
func (t *trie[T]) own(slot **node[T]) *node[T] {
	n := *slot
	if n.epoch == t.epoch {
		return n
	}
	c := *n
	c.epoch = t.epoch
	if n.branch != nil {
		c.branch = n.branch.clone(0)
	}
	*slot = &c
	return &c
}

// put returns the changeable node of key, which is made, with a zero value, if
// need be; key is kept then.
func (t *trie[T]) put(key string) *node[T] {
	if t.root == nil {
		t.root = &node[T]{epoch: t.epoch}
	}
	slot, done := &t.root, 0
	for {
		n := t.own(slot)
		shared := commonPrefix(n.label(), key[done:])
		if shared < len(n.label()) {
			n = t.split(slot, shared)
		}
		if done+shared == len(key) {
			if !n.set {
				n.key, n.start, n.set = key, uint32(done), true
			}
			return n
		}
		done += shared
		c := key[done]
		if n.branch == nil {
			n.branch = newBranch[T](1)
		}
		place, ok := n.branch.find(c)
		if !ok {
			leaf := &node[T]{key: key, start: uint32(done), set: true, epoch: t.epoch, wild: hasWildcard(key[done:])}
			n.branch = n.branch.insert(c, leaf)
			return leaf
		}
		slot = &n.branch.kids[place]
	}
}

// split puts a node for the first bytes of the label above the one in slot.
func (t *trie[T]) split(slot **node[T], at int) *node[T] {
	below := *slot
	// Cloned, lest a short label keep a long topic that was deleted.
	label := strings.Clone(below.label()[:at])
	above := &node[T]{key: label, epoch: t.epoch, wild: hasWildcard(label)}
	below.start += uint32(at)
	below.wild = hasWildcard(below.label())
	above.branch = newBranch[T](2).insert(below.label()[0], below)
	*slot = above
	return above
}

// remove takes the value of key, which must be there, out of the trie.
func (t *trie[T]) remove(key string) {
	var parentSlot **node[T]
	slot := &t.root
	n := t.own(slot)
	for done := len(n.label()); done < len(key); done += len(n.label()) {
		place, _ := n.branch.find(key[done])
		parentSlot, slot = slot, &n.branch.kids[place]
		n = t.own(slot)
	}
	label := n.label()
	if n.branch == nil {
		if parentSlot == nil {
			t.root = nil
			return
		}
		parent := *parentSlot
		parent.branch.remove(label[0])
		if len(parent.branch.kids) == 0 {
			parent.branch = nil
		}
		t.tidy(parentSlot)
		return
	}
	var none T
	n.set, n.value = false, none
	n.key, n.start = strings.Clone(label), 0 // as in split
	t.tidy(slot)
}

// tidy restores the first invariant of the changeable node in slot.
func (t *trie[T]) tidy(slot **node[T]) {
	n := *slot
	if n.set {
		return
	}
	if n.branch == nil {
		*slot = nil // the root: any other had two kids before
		return
	}
	if n == t.root || len(n.branch.kids) > 1 {
		return
	}
	below := t.own(&n.branch.kids[0])
	label := n.label()
	if below.set {
		below.start -= uint32(len(label))
	} else {
		below.key, below.start = label+below.label(), 0
	}
	below.wild = below.wild || n.wild
	*slot = below
}

func commonPrefix(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
