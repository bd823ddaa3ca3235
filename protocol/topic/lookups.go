package topic

// Lookups matches several Topic Names at once. A single one reads a dozen
// places of a large Index one after the other, each of which it finds in the one
// before, and mostly waits for memory; several side by side wait together. The
// zero value is ready; reuse saves allocations.
type Lookups[V any] struct {
	ways []way[V]
	read uint64 // keeps the compiler from leaving out what is read ahead of its use
}

// Add asks for what Index.Match appends to m, which no other search uses until
// Do. name is not to change until then.
func (l *Lookups[V]) Add(x *Index[V], name []byte, m *Matches[V]) {
	if x.trie.root != nil {
		l.ways = append(l.ways, begin(x.trie.root, view(name), m))
	}
}

// Do answers what was asked for, and empties l.
func (l *Lookups[V]) Do() {
	for ways := l.ways; len(ways) > 0; {
		// Loops that do nothing but read: none of the reads depends on another,
		// so the processor begins them all.
		for i := range ways {
			l.read += uint64(ways[i].node.start)
		}
		for i := range ways {
			n := ways[i].node
			if label := n.label(); len(label) > 1 {
				l.read += uint64(label[0])
			}
			if n.branch != nil {
				l.read += n.branch.present[0]
			}
			if n.set {
				l.read += uint64(n.value.set.members.n)
			}
		}
		for i := 0; i < len(ways); {
			if ways[i].step() {
				i++
				continue
			}
			last := len(ways) - 1
			ways[i] = ways[last]
			ways = ways[:last]
		}
	}
	clear(l.ways)
	l.ways = l.ways[:0]
}
