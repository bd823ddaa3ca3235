package topic

import (
	"cmp"
	"slices"
)

// pageWidth bounds the entries or links of a page. An edit copies one page per
// level: three or four pages for 100,000 entries.
const pageWidth = 32

// ordered is a persistent map in the order of its keys, a B+ tree whose pages
// are owned by epoch as the nodes of a trie are. It is a part of a trie's node
// and costs nothing beyond that while it has one entry, as nearly all have.
//
// Invariant: n < 2: root is nil, and first is the entry if there is one.
type ordered[K cmp.Ordered, V any] struct {
	n     int
	first entry[K, V]
	root  *page[K, V]
}

type entry[K cmp.Ordered, V any] struct {
	key   K
	value V
}

// page is a leaf with entries, or has links to pages that are all equally high.
//
// Invariant: a page that is not empty has either entries or links.
type page[K cmp.Ordered, V any] struct {
	epoch   uint64
	entries []entry[K, V]
	links   []link[K, V]
}

type link[K cmp.Ordered, V any] struct {
	low  K   // the smallest key below
	n    int // entries below
	page *page[K, V]
}

func (o *ordered[K, V]) get(key K) (v V, ok bool) {
	if o.root == nil {
		if o.n == 1 && o.first.key == key {
			return o.first.value, true
		}
		return v, false
	}
	p := o.root
	for p.links != nil {
		p = p.links[p.toward(key)].page
	}
	if i, ok := p.search(key); ok {
		return p.entries[i].value, true
	}
	return v, false
}

// at returns the i-th entry, 0 <= i < n.
func (o *ordered[K, V]) at(i int) (K, V) {
	if o.root == nil {
		return o.first.key, o.first.value
	}
	p := o.root
	for p.links != nil {
		k := 0
		for i >= p.links[k].n {
			i -= p.links[k].n
			k++
		}
		p = p.links[k].page
	}
	return p.entries[i].key, p.entries[i].value
}

// from yields the i-th entry and those behind it.
func (o *ordered[K, V]) from(i int, yield func(K, V) bool) {
	switch {
	case i < 0 || i >= o.n:
	case o.root == nil:
		yield(o.first.key, o.first.value)
	default:
		o.root.from(i, yield)
	}
}

func (o *ordered[K, V]) put(epoch uint64, key K, v V) (replaced bool) {
	if o.root == nil {
		if o.n == 0 || o.first.key == key {
			replaced = o.n == 1
			o.n, o.first = 1, entry[K, V]{key, v}
			return replaced
		}
		o.root = &page[K, V]{epoch: epoch, entries: append(make([]entry[K, V], 0, 2), o.first)}
		o.first = entry[K, V]{}
	}
	o.root = o.root.own(epoch)
	replaced, right := o.root.put(epoch, key, v)
	if right != nil {
		o.root = &page[K, V]{epoch: epoch, links: []link[K, V]{o.root.link(), right.link()}}
	}
	if !replaced {
		o.n++
	}
	return replaced
}

func (o *ordered[K, V]) remove(epoch uint64, key K) (existed bool) {
	if _, ok := o.get(key); !ok {
		return false
	}
	o.n--
	if o.root == nil {
		o.first = entry[K, V]{}
		return true
	}
	o.root = o.root.own(epoch)
	o.root.remove(epoch, key)
	for len(o.root.links) == 1 {
		o.root = o.root.links[0].page
	}
	if o.n == 1 {
		o.first, o.root = o.root.entries[0], nil
	}
	return true
}

func (p *page[K, V]) own(epoch uint64) *page[K, V] {
	if p.epoch == epoch {
		return p
	}
	c := &page[K, V]{epoch: epoch}
	if p.links != nil {
		c.links = append(make([]link[K, V], 0, len(p.links)+1), p.links...)
	} else {
		c.entries = append(make([]entry[K, V], 0, len(p.entries)+1), p.entries...)
	}
	return c
}

func (p *page[K, V]) link() link[K, V] {
	if p.links == nil {
		return link[K, V]{p.entries[0].key, len(p.entries), p}
	}
	l := link[K, V]{low: p.links[0].low, page: p}
	for i := range p.links {
		l.n += p.links[i].n
	}
	return l
}

func (p *page[K, V]) search(key K) (int, bool) {
	return slices.BinarySearchFunc(p.entries, key, func(e entry[K, V], key K) int { return cmp.Compare(e.key, key) })
}

// toward returns which link leads to key.
func (p *page[K, V]) toward(key K) int {
	i, found := slices.BinarySearchFunc(p.links, key, func(l link[K, V], key K) int { return cmp.Compare(l.low, key) })
	if found || i == 0 {
		return i
	}
	return i - 1
}

func (p *page[K, V]) from(i int, yield func(K, V) bool) bool {
	for _, l := range p.links {
		if i >= l.n {
			i -= l.n
			continue
		}
		if !l.page.from(i, yield) {
			return false
		}
		i = 0
	}
	for ; i < len(p.entries); i++ {
		if !yield(p.entries[i].key, p.entries[i].value) {
			return false
		}
	}
	return true
}

// put returns the page to go to the right of this one, if it had to be split.
func (p *page[K, V]) put(epoch uint64, key K, v V) (replaced bool, right *page[K, V]) {
	if p.links == nil {
		i, found := p.search(key)
		if found {
			p.entries[i].value = v
			return true, nil
		}
		p.entries = slices.Insert(p.entries, i, entry[K, V]{key, v})
		if len(p.entries) > pageWidth {
			right = &page[K, V]{epoch: epoch}
			p.entries, right.entries = divide(p.entries, i)
		}
		return false, right
	}
	i := p.toward(key)
	l := &p.links[i]
	l.page = l.page.own(epoch)
	replaced, kid := l.page.put(epoch, key, v)
	l.low = min(l.low, key)
	if !replaced {
		l.n++
	}
	if kid == nil {
		return replaced, nil
	}
	added := kid.link()
	l.n -= added.n
	p.links = slices.Insert(p.links, i+1, added)
	if len(p.links) > pageWidth {
		right = &page[K, V]{epoch: epoch}
		p.links, right.links = divide(p.links, i+1)
	}
	return replaced, right
}

// remove takes out key, which is there.
func (p *page[K, V]) remove(epoch uint64, key K) {
	if p.links == nil {
		i, _ := p.search(key)
		p.entries = slices.Delete(p.entries, i, i+1)
		return
	}
	i := p.toward(key)
	l := &p.links[i]
	l.n--
	if l.n == 0 {
		p.links = slices.Delete(p.links, i, i+1)
		return
	}
	l.page = l.page.own(epoch)
	l.page.remove(epoch, key)
	*l = l.page.link()
	if l.page.width() < pageWidth/4 && !p.merge(epoch, i-1) {
		p.merge(epoch, i)
	}
}

// merge makes links i and i+1 one if both are there and their pages fit into one.
func (p *page[K, V]) merge(epoch uint64, i int) (done bool) {
	if i < 0 || i+1 == len(p.links) {
		return false
	}
	left, right := p.links[i].page, p.links[i+1].page
	if left.width()+right.width() > pageWidth {
		return false
	}
	left = left.own(epoch)
	left.entries = append(left.entries, right.entries...)
	left.links = append(left.links, right.links...)
	p.links[i] = left.link()
	p.links = slices.Delete(p.links, i+1, i+2)
	return true
}

func (p *page[K, V]) width() int { return len(p.entries) + len(p.links) }

// divide halves a page that grew by the element at i. One that grew at its end
// stays full: numbers that only rise would otherwise leave half-empty pages.
func divide[E any](s []E, i int) (left, right []E) {
	at := len(s) / 2
	if i == len(s)-1 {
		at = i
	}
	right = append([]E(nil), s[at:]...)
	clear(s[at:])
	return s[:at], right
}
