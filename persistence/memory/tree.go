package memory

import "hash/maphash"

// node is a search tree by key, and a heap by weight: with weights that have
// nothing to do with keys such a tree is balanced well enough. Nodes never
// change: whoever has a root has the store as of one moment.
type node struct {
	key         string
	value       []byte
	weight      uint64
	left, right *node
}

// get is the node with the key, or nil.
func (n *node) get(key string) *node {
	for n != nil && n.key != key {
		if key < n.key {
			n = n.left
		} else {
			n = n.right
		}
	}
	return n
}

// put is the tree with one key set.
func (n *node) put(seed maphash.Seed, key string, value []byte) *node {
	below, above := n.split(key)
	leaf := &node{key: key, value: value, weight: maphash.String(seed, key)}
	return join(join(below, leaf), above)
}

// remove is the tree without a key.
func (n *node) remove(key string) *node {
	if n.get(key) == nil {
		return n
	}
	below, above := n.split(key)
	return join(below, above)
}

// split is the part of the tree below a key and the part above it.
func (n *node) split(key string) (below, above *node) {
	switch {
	case n == nil:
		return nil, nil
	case n.key < key:
		below, above = n.right.split(key)
		return n.with(n.left, below), above
	case n.key > key:
		below, above = n.left.split(key)
		return below, n.with(above, n.right)
	default:
		return n.left, n.right
	}
}

// join is one tree of two, of which the first has the lesser keys.
func join(below, above *node) *node {
	switch {
	case below == nil:
		return above
	case above == nil:
		return below
	case below.weight > above.weight:
		return below.with(below.left, join(below.right, above))
	default:
		return above.with(join(below, above.left), above.right)
	}
}

func (n *node) with(left, right *node) *node {
	return &node{key: n.key, value: n.value, weight: n.weight, left: left, right: right}
}

// visit calls f for all nodes from a key on, in order, until it returns false.
func (n *node) visit(from string, f func(*node) bool) bool {
	if n == nil {
		return true
	}
	if n.key >= from && !(n.left.visit(from, f) && f(n)) {
		return false
	}
	return n.right.visit(from, f)
}
