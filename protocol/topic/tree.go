package topic

// Tree maps Topic Names to values, for Retained Messages. It is immutable:
// [Tree.Edit] makes another that shares all that did not change.
type Tree[V any] struct {
	trie  trie[V]
	count int
}

// NewTree returns a Tree without names.
func NewTree[V any]() *Tree[V] { return new(Tree[V]) }

// Len returns the number of names.
func (t *Tree[V]) Len() int { return t.count }

// Get returns the value of a Topic Name, and whether there is one.
func (t *Tree[V]) Get(name []byte) (v V, ok bool) {
	if n := t.trie.get(view(name)); n != nil {
		return n.value, true
	}
	return v, false
}

// Edit begins a series of changes, of which t shows none.
func (t *Tree[V]) Edit() *TreeEditor[V] { return &TreeEditor[V]{trie: t.trie.next(), count: t.count} }

// TreeEditor collects changes to a Tree. What it has copied once it changes in
// place, until Commit. It is for one goroutine.
type TreeEditor[V any] struct {
	trie  trie[V]
	count int
}

// Commit returns a Tree with the changes made so far. The TreeEditor may be
// used on, for changes that this Tree does not show.
func (e *TreeEditor[V]) Commit() *Tree[V] {
	t := &Tree[V]{trie: e.trie, count: e.count}
	e.trie = e.trie.next()
	return t
}

// Get returns the value of a Topic Name, as changed so far.
func (e *TreeEditor[V]) Get(name []byte) (v V, ok bool) {
	if n := e.trie.get(view(name)); n != nil {
		return n.value, true
	}
	return v, false
}

// Put sets the value of a Topic Name and tells whether it had one. It keeps
// name and lets go of the one that came with the value before: it may be a part
// of what v holds.
func (e *TreeEditor[V]) Put(name string, v V) (replaced bool) {
	replaced = e.trie.get(name) != nil
	if !replaced {
		e.count++
	}
	n := e.trie.put(name)
	n.key, n.value = name, v
	return replaced
}

// Delete removes a Topic Name and tells whether it was there.
func (e *TreeEditor[V]) Delete(name []byte) (existed bool) {
	key := view(name)
	if e.trie.get(key) == nil {
		return false
	}
	e.trie.remove(key)
	e.count--
	return true
}
