package bench

// gapsKept bounds what is remembered of one flow's missing messages.
const gapsKept = 4096

// sequence checks the messages of one flow to one subscriber, which are numbered from 0.
type sequence struct {
	next uint64 // the lowest number that nothing has come of, nor of a higher one
	gaps []gap  // below next, in order; what is missing there
}

// gap is a range of numbers that did not come.
type gap struct{ from, to uint64 }

// arrival is what a message turned out to be.
type arrival int

const (
	inOrder   arrival = iota
	skipped           // in order, but what should have come before it is missing
	late              // missing until now
	duplicate         // came before
)

// arrive judges number n. jumped is how many numbers went missing with it.
//
// Of more than gapsKept gaps the oldest are forgotten: what comes as late as that passes for a duplicate.
func (s *sequence) arrive(n uint64) (a arrival, jumped uint64) {
	if n == s.next {
		s.next++
		return inOrder, 0
	}
	if n > s.next {
		jumped = n - s.next
		if len(s.gaps) == gapsKept {
			s.gaps = append(s.gaps[:0], s.gaps[gapsKept/2:]...)
		}
		s.gaps = append(s.gaps, gap{s.next, n})
		s.next = n + 1
		return skipped, jumped
	}
	for i := len(s.gaps) - 1; i >= 0 && n < s.gaps[i].to; i-- {
		g := s.gaps[i]
		if n < g.from {
			continue
		}
		switch {
		case g.from+1 == g.to:
			s.gaps = append(s.gaps[:i], s.gaps[i+1:]...)
		case n == g.from:
			s.gaps[i].from++
		case n == g.to-1:
			s.gaps[i].to--
		default:
			s.gaps[i].to = n
			s.gaps = append(s.gaps[:i+1], append([]gap{{n + 1, g.to}}, s.gaps[i+1:]...)...)
		}
		return late, 0
	}
	return duplicate, 0
}
