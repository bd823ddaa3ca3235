package topic

import "strings"

// Find returns a Cursor over the Topic Names that match a filter, which is
// without `$share/ShareName/`.
func (t *Tree[V]) Find(filter string) *Cursor[V] {
	c := &Cursor[V]{filter: filter}
	if t.trie.root != nil && filter != "" {
		c.path = append(c.path, place[V]{node: t.trie.root})
	}
	return c
}

// Cursor walks over the matches in one Tree, in the order of their bytes. It
// may be left alone for any time and resumed: it keeps the Tree that it began
// with. It is for one goroutine at a time.
type Cursor[V any] struct {
	filter string
	path   []place[V] // from the root to where the walk is
}

// place is a node whose label matched, and whose own value was dealt with once
// a kid has been.
type place[V any] struct {
	node *node[V]
	used int // bytes of the filter; a wildcard is not used up as long as it may take more
	kid  int // the next to look at
}

// Next returns the next match, or ok false after the last. It may pass many
// names that do not match: where that must not take long, use Walk.
func (c *Cursor[V]) Next() (name string, v V, ok bool) {
	for len(c.path) > 0 {
		if n := c.step(); n != nil {
			return n.key, n.value, true
		}
	}
	return "", v, false
}

// Walk goes on by at most budget steps, matches or not, and yields the matches
// on its way until yield returns false. It tells whether it is at the end.
func (c *Cursor[V]) Walk(budget int, yield func(name string, v V) bool) (done bool) {
	for ; budget > 0 && len(c.path) > 0; budget-- {
		if n := c.step(); n != nil && !yield(n.key, n.value) {
			break
		}
	}
	return len(c.path) == 0
}

// step looks at one kid, or leaves a node that has no more of them. It returns
// the node it came to if that is a match.
func (c *Cursor[V]) step() *node[V] {
	top := &c.path[len(c.path)-1]
	kid := c.choose(top)
	if kid == nil {
		*top = place[V]{}
		c.path = c.path[:len(c.path)-1]
		return nil
	}
	used, ok := c.use(top.used, kid.label())
	if !ok {
		return nil
	}
	if kid.branch != nil {
		c.path = append(c.path, place[V]{node: kid, used: used})
	}
	if kid.set && c.satisfied(used) {
		return kid
	}
	return nil
}

// choose returns the next kid that may match: any where the filter has a
// wildcard, one where it has a byte.
func (c *Cursor[V]) choose(p *place[V]) *node[V] {
	if p.node.branch == nil || p.used == len(c.filter) {
		return nil
	}
	kids := p.node.branch.kids
	if next := c.filter[p.used]; next != '+' && next != '#' {
		if p.kid > 0 {
			return nil
		}
		p.kid = 1
		return p.node.branch.get(next)
	}
	if p.used == 0 && len(c.path) == 1 && p.kid < len(kids) && kids[p.kid].label()[0] == '$' {
		p.kid++ // [MQTT-4.7.2-1]
	}
	if p.kid >= len(kids) {
		return nil
	}
	p.kid++
	return kids[p.kid-1]
}

// use matches more of a name against the filter, of which used bytes are used
// up, and returns how many are then.
func (c *Cursor[V]) use(used int, label string) (int, bool) {
	for i := 0; i < len(label); i++ {
		if used == len(c.filter) {
			return 0, false
		}
		switch c.filter[used] {
		case '#':
			return used, true
		case '+':
			end := strings.IndexByte(label[i:], '/')
			if end < 0 {
				return used, true
			}
			if used+1 == len(c.filter) {
				return 0, false
			}
			i += end
			used += len("+/")
		case label[i]:
			used++
		default:
			return 0, false
		}
	}
	return used, true
}

// satisfied tells whether a name may end where used bytes of the filter are
// used up.
func (c *Cursor[V]) satisfied(used int) bool {
	switch c.filter[used:] {
	case "", "+", "#", "/#", "+/#":
		return true
	}
	return false
}
