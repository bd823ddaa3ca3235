package topic

import "sync/atomic"

// Index maps Topic Filters to subscribers. It is immutable: [Index.Edit] makes
// another that shares all that did not change. V is what is stored for each
// subscription; it is copied when a page of it is, so it should be small.
type Index[V any] struct {
	trie  trie[filterEntry[V]]
	count int
}

// filterEntry is what hangs at one Topic Filter. The Set is a part of the
// trie's node, which saves an allocation for each filter.
type filterEntry[V any] struct {
	set    Set[V]
	groups *ordered[string, *Group[V]] // by ShareName; nil: none. Copied by every edit of it
}

// NewIndex returns an Index without subscriptions.
func NewIndex[V any]() *Index[V] { return new(Index[V]) }

// Len returns the number of subscriptions.
func (x *Index[V]) Len() int { return x.count }

// Group returns the members of a Shared Subscription by its whole filter,
// `$share/ShareName/filter`, or nil if it has none.
func (x *Index[V]) Group(filter string) *Group[V] {
	share, rest, shared := cutShare(filter)
	n := x.trie.get(rest)
	if !shared || n == nil || n.value.groups == nil {
		return nil
	}
	g, _ := n.value.groups.get(share)
	return g
}

// Edit begins a series of changes, of which x shows none.
func (x *Index[V]) Edit() *Editor[V] { return &Editor[V]{trie: x.trie.next(), count: x.count} }

// Editor collects changes to an Index. What it has copied once it changes in
// place, until Commit. It is for one goroutine.
type Editor[V any] struct {
	trie  trie[filterEntry[V]]
	count int
}

// Commit returns an Index with the changes made so far. The Editor may be used
// on, for changes that this Index does not show.
func (e *Editor[V]) Commit() *Index[V] {
	x := &Index[V]{trie: e.trie, count: e.count}
	e.trie = e.trie.next()
	return x
}

// Put stores v for a subscriber's subscription to filter, which may be that of a
// Shared Subscription, and tells whether there was one before
// [MQTT-3.8.4-3]. It keeps filter.
func (e *Editor[V]) Put(filter string, subscriber uint64, v V) (replaced bool) {
	share, rest, shared := cutShare(filter)
	at := &e.trie.put(rest).value
	if shared {
		replaced = e.group(at, share, filter).members.put(e.trie.epoch, subscriber, v)
	} else {
		replaced = at.set.members.put(e.trie.epoch, subscriber, v)
	}
	if !replaced {
		e.count++
	}
	return replaced
}

// Delete removes a subscriber's subscription to filter and tells whether there
// was one.
func (e *Editor[V]) Delete(filter string, subscriber uint64) (existed bool) {
	share, rest, shared := cutShare(filter)
	n := e.trie.get(rest)
	if n == nil || !n.value.has(share, shared, subscriber) {
		return false
	}
	e.count--
	at := &e.trie.put(rest).value
	if !shared {
		at.set.members.remove(e.trie.epoch, subscriber)
	} else if g := e.group(at, share, filter); g.members.n > 1 {
		g.members.remove(e.trie.epoch, subscriber)
	} else if at.groups.remove(e.trie.epoch, share); at.groups.n == 0 {
		at.groups = nil
	}
	if at.set.Len() == 0 && at.groups == nil {
		e.trie.remove(rest)
	}
	return true
}

func (f *filterEntry[V]) has(share string, shared bool, subscriber uint64) bool {
	members := &f.set.members
	if shared {
		if f.groups == nil {
			return false
		}
		g, ok := f.groups.get(share)
		if !ok {
			return false
		}
		members = &g.members
	}
	_, ok := members.get(subscriber)
	return ok
}

// group returns a changeable group of a changeable entry, made if need be.
func (e *Editor[V]) group(at *filterEntry[V], share, filter string) *Group[V] {
	groups := new(ordered[string, *Group[V]])
	if at.groups != nil {
		*groups = *at.groups
	}
	g, ok := groups.get(share)
	if ok && g.epoch == e.trie.epoch {
		// Nothing of this entry is shared with a snapshot any more.
		return g
	}
	if ok {
		changed := *g
		g = &changed
	} else {
		g = &Group[V]{Name: share, Filter: filter, cursor: new(atomic.Uint32)}
	}
	g.epoch = e.trie.epoch
	groups.put(e.trie.epoch, share, g)
	at.groups = groups
	return g
}
