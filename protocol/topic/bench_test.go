package topic

import (
	"fmt"
	"runtime"
	"testing"
)

// trees are shapes of subscriptions, and for each a Topic Name that the i-th
// matches.
var trees = []struct{ shape, filter, name string }{
	{"plus-last", "site/%d/+", "site/%d/state"},
	{"plus-middle", "devices/%d/+/temperature", "devices/%d/a/temperature"},
	{"plus-first", "+/%d/state", "site/%d/state"},
	{"hash", "devices/%d/#", "devices/%d/a/temperature"},
	{"literal", "devices/%d/a/temperature", "devices/%d/a/temperature"},
}

func filters(format string, n int) *Index[*int] {
	e := NewIndex[*int]().Edit()
	v := new(int)
	for i := range n {
		e.Put(fmt.Sprintf(format, i), uint64(i), v)
	}
	return e.Commit()
}

// BenchmarkMatch looks up one of many names at random, so that large trees
// are met cold.
func BenchmarkMatch(b *testing.B) {
	for _, tree := range trees {
		for _, n := range []int{100, 10000, 100000, 1000000} {
			b.Run(fmt.Sprintf("%s/%d", tree.shape, n), func(b *testing.B) {
				x := filters(tree.filter, n)
				names := make([][]byte, 4096)
				for i := range names {
					names[i] = name(tree.name, i*2654435761%n)
				}
				var m Matches[*int]
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					m.Reset()
					x.Match(names[i%len(names)], &m)
					i++
				}
				if len(m.Sets) != 1 {
					b.Fatal("nothing found")
				}
			})
		}
	}
}

// BenchmarkMatchHot looks up one name again and again.
func BenchmarkMatchHot(b *testing.B) {
	for _, tree := range trees {
		b.Run(tree.shape, func(b *testing.B) {
			x := filters(tree.filter, 100000)
			name := name(tree.name, 4711)
			var m Matches[*int]
			for b.Loop() {
				m.Reset()
				x.Match(name, &m)
			}
		})
	}
}

// BenchmarkMemory reports the heap bytes of a subscription to a filter of its
// own, which include the filter, and of one to a filter with many.
func BenchmarkMemory(b *testing.B) {
	measure := func(b *testing.B, n int, filter func(i int) string) {
		for b.Loop() {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			v := new(int)
			e := NewIndex[*int]().Edit()
			for i := range n {
				e.Put(filter(i), uint64(i), v)
			}
			x := e.Commit()
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(x.Len()), "B/subscription")
		}
	}
	for _, tree := range trees {
		b.Run(tree.shape, func(b *testing.B) {
			measure(b, 100000, func(i int) string { return fmt.Sprintf(tree.filter, i) })
		})
	}
	b.Run("one-filter", func(b *testing.B) { measure(b, 100000, func(int) string { return "news/#" }) })
}

// BenchmarkJoin is 10,000 subscribers who join one filter, in one Edit and in
// one each.
func BenchmarkJoin(b *testing.B) {
	for _, perEdit := range []int{1, 10000} {
		for _, n := range []int{1000, 10000, 100000} {
			b.Run(fmt.Sprintf("%d-per-edit/%d", perEdit, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					x := NewIndex[*int]()
					e := x.Edit()
					for i := range n {
						e.Put("news/today", uint64(i), nil)
						if i%perEdit == perEdit-1 {
							x = e.Commit()
							e = x.Edit()
						}
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/join")
			})
		}
	}
}

// BenchmarkEdit is one Client that subscribes and one that leaves, in an Edit
// each, among many filters.
func BenchmarkEdit(b *testing.B) {
	for _, n := range []int{100, 100000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x := filters("devices/%d/+/temperature", n)
			b.ReportAllocs()
			for b.Loop() {
				e := x.Edit()
				e.Put("devices/77/+/humidity", 1, nil)
				x = e.Commit()
				e = x.Edit()
				e.Delete("devices/77/+/humidity", 1)
				x = e.Commit()
			}
		})
	}
}

// BenchmarkFanOut walks over the subscribers of one filter.
func BenchmarkFanOut(b *testing.B) {
	e := NewIndex[*int]().Edit()
	for i := range 100000 {
		e.Put("news/#", uint64(i), nil)
	}
	x := e.Commit()
	var m Matches[*int]
	x.Match([]byte("news/today"), &m)
	b.ReportAllocs()
	var sum uint64
	for b.Loop() {
		for id := range m.Sets[0].All() {
			sum += id
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100000, "ns/subscriber")
}

// BenchmarkTree is a Retained Message that is replaced in an Edit of its own, and
// a whole replay.
func BenchmarkTree(b *testing.B) {
	const names = 100000
	e := NewTree[*int]().Edit()
	for i := range names {
		e.Put(fmt.Sprintf("devices/%d/state", i), new(int))
	}
	tree := e.Commit()
	b.Run("replace", func(b *testing.B) {
		name, t := "devices/4711/state", tree
		b.ReportAllocs()
		for b.Loop() {
			e := t.Edit()
			e.Put(name, nil)
			t = e.Commit()
		}
	})
	for _, filter := range []string{"#", "+/+/state", "devices/4711/#"} {
		b.Run("find/"+filter, func(b *testing.B) {
			found := 0
			for b.Loop() {
				c := tree.Find(filter)
				for _, _, ok := c.Next(); ok; _, _, ok = c.Next() {
					found++
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(found), "ns/found")
		})
	}
}

// BenchmarkShard reports what one, two and three levels to shard by do to the
// filters of devices: see shardLevels.
func BenchmarkShard(b *testing.B) {
	for levels := 1; levels <= 3; levels++ {
		b.Run(fmt.Sprintf("levels-%d", levels), func(b *testing.B) {
			name := name("devices/4711/telemetry/temperature")
			for b.Loop() {
				shardOf(firstLevels(view(name), levels), 8)
			}
			wildcard, fullest := shares(levels, device)
			b.ReportMetric(wildcard, "in-wildcard-shard")
			b.ReportMetric(fullest, "in-fullest-literal")
		})
	}
}

func BenchmarkValidateName(b *testing.B) {
	name := []byte("devices/4711/telemetry/temperature")
	for b.Loop() {
		if ValidateName(name) != nil {
			b.Fatal("refused")
		}
	}
}

// BenchmarkMatchCold looks up ever other names, as many as there are filters, so
// that what it reads is in no cache but for the nodes that all names pass.
func BenchmarkMatchCold(b *testing.B) {
	for _, n := range []int{100, 10000, 100000, 1000000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x := filters("site/%06d/+/state", n)
			names := names(n)
			var m Matches[*int]
			b.ReportAllocs()
			for b.Loop() {
				m.Reset()
				x.Match(names(), &m)
			}
			if len(m.Sets) != 1 {
				b.Fatal("nothing found")
			}
		})
	}
}

// names returns a function that gives ever other names of n, each valid until
// the next call.
func names(n int) func() []byte {
	name := name("site/%06d/pump/state", 0)
	random := uint32(1)
	return func() []byte {
		random = random*1664525 + 1013904223
		i := int(uint64(random) * uint64(n) >> 32)
		for at := len("site/") + 5; at >= len("site/"); at-- {
			name[at] = byte('0' + i%10)
			i /= 10
		}
		return name
	}
}

// BenchmarkLookups is BenchmarkMatchCold for 16 names at once.
func BenchmarkLookups(b *testing.B) {
	const ahead = 16
	for _, n := range []int{100, 10000, 100000, 1000000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x := filters("site/%06d/+/state", n)
			next := names(n)
			var ms [ahead]Matches[*int]
			var all [ahead][]byte
			var l Lookups[*int]
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				at := i % ahead
				all[at] = append(all[at][:0], next()...)
				ms[at].Reset()
				l.Add(x, all[at], &ms[at])
				if at == ahead-1 {
					l.Do()
					if len(ms[0].Sets) != 1 {
						b.Fatal("nothing found")
					}
				}
			}
		})
	}
}
