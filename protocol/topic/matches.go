package topic

import "strings"

// Matches is what a Topic Name matched: one Set for each Topic Filter with
// subscribers of its own, and one Group for each Shared Subscription. A
// subscriber may be in several. The zero value is ready; reuse saves allocations.
type Matches[V any] struct {
	Sets   []*Set[V]
	Groups []*Group[V]

	pending []step[V]
}

// step is a way of the search not yet gone.
type step[V any] struct {
	node *node[filterEntry[V]]
	at   int // bytes of the Topic Name that are used up
}

// Reset empties m and keeps its capacity, but nothing of any snapshot.
func (m *Matches[V]) Reset() {
	clear(m.Sets)
	clear(m.Groups)
	m.Sets, m.Groups = m.Sets[:0], m.Groups[:0]
}

// Match appends to m the subscriptions that match a Topic Name. It does not
// allocate once m is large enough, and does not keep name.
func (x *Index[V]) Match(name []byte, m *Matches[V]) {
	if x.trie.root == nil {
		return
	}
	w := begin(x.trie.root, view(name), m)
	for w.step() {
	}
}

// way is a search under way, at a node that has not been looked at.
type way[V any] struct {
	m      *Matches[V]
	node   *node[filterEntry[V]]
	at     int // bytes of name that are used up
	name   string
	hidden bool // from wildcards, as long as the node is the root [MQTT-4.7.2-1]
}

func begin[V any](root *node[filterEntry[V]], name string, m *Matches[V]) way[V] {
	return way[V]{m: m, node: root, name: name, hidden: name != "" && name[0] == '$'}
}

// step looks at one node and goes on to the next, or tells that there is none.
// Where the name leads one way and `+` another, the latter is noted: the notes
// number at most the levels of the name.
func (w *way[V]) step() (more bool) {
	m := w.m
	if at := m.follow(w.node, w.name, w.at); at >= 0 {
		if at == len(w.name) && w.node.set {
			m.add(w.node)
		}
		w.node, w.at = m.turn(w.node, w.name, at, w.hidden), at
		w.hidden = false
		if w.node != nil {
			return true
		}
	}
	last := len(m.pending) - 1
	if last < 0 {
		return false
	}
	w.node, w.at = m.pending[last].node, m.pending[last].at
	m.pending[last] = step[V]{}
	m.pending = m.pending[:last]
	return true
}

// follow matches the label of n against name from at on. It returns where it
// ends, or -1 if the search ends here, be it with or without success.
func (m *Matches[V]) follow(n *node[filterEntry[V]], name string, at int) int {
	label := n.label()
	if !n.wild {
		end := at + len(label)
		if end <= len(name) {
			// A single byte is the one that led here: its memory need not be read.
			if len(label) == 1 || name[at:end] == label {
				return end
			}
		} else if end == len(name)+1 && name[at:] == label[:len(label)-1] {
			m.addRest(n) // `a/#` matches `a`: a kid `#` follows upon a `/` only
		}
		return -1
	}
	for i := 0; i < len(label); i++ {
		switch c := label[i]; {
		case c == '#':
			m.add(n)
			return -1
		case c == '+':
			at = levelEnd(name, at)
		case at < len(name) && name[at] == c:
			at++
		case at == len(name) && c == '/':
			if label[i+1:] == "#" {
				m.add(n)
			} else if i == len(label)-1 {
				m.addRest(n)
			}
			return -1
		default:
			return -1
		}
	}
	return at
}

// turn notes where wildcards lead from n and returns where the name leads.
func (m *Matches[V]) turn(n *node[filterEntry[V]], name string, at int, hidden bool) *node[filterEntry[V]] {
	b := n.branch
	if b == nil {
		return nil
	}
	// Filters are valid: kids that begin with a wildcard are at the start of a level.
	if b.present[0]&(plusBit|hashBit) != 0 && !hidden { // [MQTT-4.7.2-1]
		m.addRest(n)
		if plus := b.get('+'); plus != nil {
			m.pending = append(m.pending, step[V]{plus, at})
		}
	}
	if at == len(name) {
		return b.get('/') // `a/#` matches `a`
	}
	return b.get(name[at])
}

// addRest adds the filter that ends in `#` below n.
func (m *Matches[V]) addRest(n *node[filterEntry[V]]) {
	if rest := n.kid('#'); rest != nil {
		m.add(rest)
	}
}

func (m *Matches[V]) add(n *node[filterEntry[V]]) {
	if n.value.set.Len() > 0 {
		m.Sets = append(m.Sets, &n.value.set)
	}
	if groups := n.value.groups; groups != nil {
		m.addGroups(groups)
	}
}

func (m *Matches[V]) addGroups(groups *ordered[string, *Group[V]]) {
	groups.from(0, func(_ string, g *Group[V]) bool {
		m.Groups = append(m.Groups, g)
		return true
	})
}

// levelEnd returns where the level that holds name[at] ends.
func levelEnd(name string, at int) int {
	if i := strings.IndexByte(name[at:], '/'); i >= 0 {
		return at + i
	}
	return len(name)
}
