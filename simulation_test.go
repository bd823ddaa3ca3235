package troupe

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// The simulation of the actor layer: the production tree on simulated loops,
// with simulated Clients that connect, subscribe, publish, vanish, resume and
// take one another over on a network that splits, delays and cuts, and with
// actors that fail. What the broker promises is checked all along, see
// promises_test.go.
//
//	go test -run Simulation . -simulation.seeds 100000
//	go test -run Simulation . -simulation.seed 4711     one seed, with its trace
var (
	simulationSeeds = flag.Int("simulation.seeds", 0, "how many seeds to simulate; 0: 1500, or 200 with -short or -race")
	simulationFirst = flag.Uint64("simulation.first", 1, "the first of them")
	simulationSeed  = flag.Uint64("simulation.seed", 0, "simulate this seed alone and write its trace")
	simulationMost  = flag.Int64("simulation.most", 5, "how many failed seeds are enough to look at")
)

func TestSimulation(t *testing.T) {
	if *simulationSeed != 0 {
		w := simulate(*simulationSeed, os.Stdout)
		for _, f := range w.failures {
			t.Error(f)
		}
		return
	}
	seeds := *simulationSeeds
	if seeds == 0 {
		seeds = 1500
		if testing.Short() || poolsLeak {
			seeds = 200
		}
	}
	var next atomic.Uint64
	next.Store(*simulationFirst)
	last := *simulationFirst + uint64(seeds)
	var failed atomic.Int64
	var workers sync.WaitGroup
	var total tally
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for failed.Load() < *simulationMost {
				seed := next.Add(1) - 1
				if seed >= last {
					return
				}
				w := simulate(seed, nil)
				total.add(w)
				if len(w.failures) > 0 {
					failed.Add(1)
					t.Errorf("seed %d, see it with -simulation.seed %d:\n\t%s", seed, seed, strings.Join(w.failures, "\n\t"))
				}
			}
		})
	}
	workers.Wait()
	t.Log(total.String())
	if failed.Load() == 0 {
		total.check(t)
	}
}

// TestSimulationOfFaults has seeds that found something wrong.
func TestSimulationOfFaults(t *testing.T) {
	for seed, found := range map[uint64]string{
		4:  "a connection whose CONNECT was read in its turn went on with a stream that was on another loop by then",
		47: "the same without a store",
	} {
		for _, f := range simulate(seed, nil).failures {
			t.Errorf("seed %d, %s: %s", seed, found, f)
		}
	}
}

// TestSimulationRepeatsItself holds the simulation, and thus the actors, to
// doing the same for the same seed.
func TestSimulationRepeatsItself(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 10
	}
	different := make(map[uint64]bool)
	for seed := range seeds {
		one, other := simulate(seed+1, nil).recorder.Fingerprint(), simulate(seed+1, io.Discard).recorder.Fingerprint()
		if one != other {
			t.Errorf("seed %d went differently the second time", seed+1)
		}
		different[one] = true
	}
	if len(different) != int(seeds) {
		t.Errorf("%d seeds made %d different runs", seeds, len(different))
	}
}

// tally sums up what the seeds did, so that a simulation in which nothing
// happens is noticed.
type tally struct {
	mu sync.Mutex
	happenings
}

// happenings counts what makes a simulation worth its time.
type happenings struct {
	connects, resumes, takeovers, cuts, messages, deliveries, wills, obligations, faults, replays int
	crashes, revivals, spells, loads                                                              int
	rules, refusals, turns                                                                        int
}

func (c *tally) add(w *world) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := &w.happened
	c.connects += h.connects
	c.resumes += h.resumes
	c.takeovers += h.takeovers
	c.cuts += h.cuts
	c.messages += h.messages
	c.deliveries += h.deliveries
	c.wills += h.wills
	c.obligations += h.obligations
	c.faults += h.faults
	c.replays += h.replays
	c.crashes += h.crashes
	c.revivals += h.revivals
	c.spells += h.spells
	c.loads += h.loads
	c.rules += h.rules
	c.refusals += h.refusals
	c.turns += h.turns
}

func (c *tally) String() string {
	return fmt.Sprintf("%d connects, %d resumes, %d takeovers, %d cuts, %d messages, %d deliveries of which %d were owed, %d wills, %d replays, %d failures of actors; "+
		"%d crashes, %d Sessions revived, %d times a full device, %d loads; %d rules changed, %d refusals, %d waits for a turn",
		c.connects, c.resumes, c.takeovers, c.cuts, c.messages, c.deliveries, c.obligations, c.wills, c.replays, c.faults,
		c.crashes, c.revivals, c.spells, c.loads, c.rules, c.refusals, c.turns)
}

func (c *tally) check(t *testing.T) {
	for _, n := range []int{c.connects, c.resumes, c.takeovers, c.cuts, c.messages, c.deliveries, c.wills, c.obligations, c.faults, c.replays,
		c.crashes, c.revivals, c.spells, c.loads, c.rules, c.refusals, c.turns} {
		if n == 0 {
			t.Error("some of what is simulated never happened")
		}
	}
}
