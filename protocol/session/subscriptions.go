package session

import "iter"

// subscriptions is the table of a Session's own Subscriptions: a list, and an index by Topic Filter
// once it is long.
//
// Invariant: list is not empty; index is nil or holds every entry of list. A nil table has no entries.
type subscriptions struct {
	list  []Subscription
	index map[string]int32
}

// indexed is the length from which a list gets an index.
const indexed = 16

func (t *subscriptions) find(filter string) (int, bool) {
	if t == nil {
		return 0, false
	}
	if t.index != nil {
		i, ok := t.index[filter]
		return int(i), ok
	}
	for i := range t.list {
		if t.list[i].Filter == filter {
			return i, true
		}
	}
	return 0, false
}

// put adds s or replaces the one with the same Topic Filter, which it returns with the table, for there may have been none.
func (t *subscriptions) put(s Subscription) (table *subscriptions, previous Subscription, existed bool) {
	if i, ok := t.find(s.Filter); ok {
		previous = t.list[i]
		t.list[i] = s
		return t, previous, true
	}
	if t == nil {
		t = &subscriptions{list: make([]Subscription, 0, 1)}
	}
	t.list = append(t.list, s)
	if t.index != nil {
		t.index[s.Filter] = int32(len(t.list) - 1)
	} else if len(t.list) > indexed {
		t.index = make(map[string]int32, 2*indexed)
		for i := range t.list {
			t.index[t.list[i].Filter] = int32(i)
		}
	}
	return t, Subscription{}, false
}

// delete takes an entry out. The table is to be forgotten when it was the last.
func (t *subscriptions) delete(filter string) (existed bool) {
	i, ok := t.find(filter)
	if !ok {
		return false
	}
	last := len(t.list) - 1
	if t.index != nil {
		delete(t.index, filter)
		if i != last {
			t.index[t.list[last].Filter] = int32(i)
		}
	}
	t.list[i] = t.list[last]
	t.list[last] = Subscription{}
	t.list = t.list[:last]
	return true
}

func (t *subscriptions) all() iter.Seq[Subscription] {
	return func(yield func(Subscription) bool) {
		if t == nil {
			return
		}
		for _, s := range t.list {
			if !yield(s) {
				return
			}
		}
	}
}
