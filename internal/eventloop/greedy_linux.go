package eventloop

import "slices"

// greedyReads is the number of greedy sockets that are served in one turn: more of them when nobody else had anything to read.
const (
	greedyReads      = 1
	greedyReadsAlone = 4
)

// greedy is the queue of sockets that filled what they were given to read last time, and have more. They are read after everybody else was
// served, a few in a turn and each as much as fits into the loop's buffer: so a flood is handled in large batches, and who is calm waits
// for a few of them and not for the whole flood.
type greedy struct {
	queue []*socket
	calm  bool // somebody else had something to read in this turn
}

func (g *greedy) empty() bool { return len(g.queue) == 0 }

// add queues s, which the kernel reports in every turn until it is read.
func (g *greedy) add(s *socket) {
	if !s.queued {
		s.queued = true
		g.queue = append(g.queue, s)
	}
}

// remove forgets s, which is closed or moves to another loop.
func (g *greedy) remove(s *socket) {
	if s.queued {
		s.queued = false
		g.queue = slices.DeleteFunc(g.queue, func(other *socket) bool { return other == s })
	}
}

// dispatch tells those whose turn it is that they may read, and returns how many they are.
func (g *greedy) dispatch(l *loop) int {
	n := min(len(g.queue), greedyReadsAlone)
	if g.calm {
		n = min(n, greedyReads)
	}
	g.calm = false
	l.budget = budgetHigh
	for _, s := range g.queue[:n] {
		s.queued = false
		if s.wanted&Readable != 0 {
			s.handler.Ready(Readable)
		}
	}
	g.queue = slices.Delete(g.queue, 0, n)
	return n
}
