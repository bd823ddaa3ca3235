package badger

import (
	"runtime"
	"strings"
	"sync"
	"time"
)

// The library makes a table of a log that is full, and of the last one when it is
// closed. If that fails it tries again, once a second and for ever: a store whose
// device is dead, or whose directory was taken away, could never be closed. What is
// in the log is as safe there as in a table, so that it is given up then: the
// goroutine that tries is ended from the one place where it calls us, to log its
// failure. The library would wait for it for ever if it had another log to hand
// over; what it is about is known from what it logs.
//
// If that cannot be done the store is left as it is, locked, until the device
// takes what is left or the process ends.

const (
	// triesMost is how often a table is tried to be made while the store is closed.
	triesMost = 3
	// closeMost is how long closing may take once that has failed.
	closeMost = 10 * time.Second
)

// What the library logs, by the format.
const (
	logsClosing = "Closing database"
	logsLast    = "Flushing memtable" // is about to hand over the last log
	logsHanded  = "pushed to flush chan\n"
	logsFailure = "error flushing memtable to disk"
)

// giveUp knows how far closing is.
type giveUp struct {
	mu       sync.Mutex
	logless  bool // there is no log to hand over, since none could be made
	ending   bool // Close was called
	closing  bool // of the library too
	handing  bool // the last log is yet to be handed over
	failures int  // since Close was called
	tries    int  // since the library is closing
	failed   chan struct{}
	once     sync.Once
	most     time.Duration // how long closing may take after that
}

func newGiveUp() *giveUp { return &giveUp{failed: make(chan struct{}), most: closeMost} }

// hears is told what the library logs besides failures.
func (g *giveUp) hears(format string) {
	switch format {
	case logsClosing, logsLast, logsHanded:
	default:
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch format {
	case logsClosing:
		g.closing = true
	case logsLast:
		g.handing = true
	case logsHanded:
		g.handing = false
	}
}

// failure is told of a failure on the goroutine that has it. It does not return
// to one that is given up.
func (g *giveUp) failure(format string) {
	if !strings.HasPrefix(format, logsFailure) {
		return
	}
	g.mu.Lock()
	if g.ending {
		g.failures++
	}
	if g.closing {
		g.tries++
	}
	over := g.logless || g.closing && !g.handing && g.tries >= triesMost
	stuck := g.failures >= triesMost
	g.mu.Unlock()
	if stuck {
		g.once.Do(func() { close(g.failed) })
	}
	if over {
		runtime.Goexit()
	}
}

// end is told that Close was called.
func (g *giveUp) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ending = true
}

// noLog is told that the library could not make another log, and has none.
func (g *giveUp) noLog() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.logless = true
}
