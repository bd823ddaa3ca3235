package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/troupemq/troupe/bench/internal/broker"
)

func (l *ledger) cycleNow() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cycle
}

// count notes how a cycle ended.
func (l *ledger) count(hasty, stopped bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if stopped {
		l.figures.stops++
		return
	}
	l.figures.crashes++
	if hasty {
		l.figures.hasty++
	}
}

// interrupt notes a start that was cut short.
func (l *ledger) interrupt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.figures.interrupted++
}

func (l *ledger) violated() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.violationCount() > 0
}

// line tells how far it is.
func (l *ledger) line() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := &l.figures
	return fmt.Sprintf("said %d, acknowledged %d, received %d, open %d, owed %d, violations %d",
		f.said, f.acknowledged, f.received, len(l.open), l.owed, l.violationCount())
}

// summarise tells the figures.
func (l *ledger) summarise(b *broker.Process) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := &l.figures
	fmt.Fprintf(l.out, "crash: %s\n", time.Since(l.began).Round(time.Millisecond))
	fmt.Fprintf(l.out, "  crashes        %d, of these %d before all had recovered; %d more while it started; stopped in good order %d\n", f.crashes, f.hasty, f.interrupted, f.stops)
	fmt.Fprintf(l.out, "  connections    %d, with their Session %d\n", f.connects, f.resumed)
	fmt.Fprintf(l.out, "  messages       said %d, acknowledged %d, sent again %d\n", f.said, f.acknowledged, f.repeated)
	fmt.Fprintf(l.out, "  received       %d, of these again %d, by who might have them or not %d\n", f.received, f.again, f.beside)
	fmt.Fprintf(l.out, "  subscriptions  made %d, ended %d\n", f.subscribed, f.unsubscribed)
	fmt.Fprintf(l.out, "  retained       read %d times, %d in all\n", f.readings, f.retained)
	fmt.Fprintf(l.out, "  wills          %d\n", f.wills)
	fmt.Fprintf(l.out, "  memory         %s\n", b.Memory())
	fmt.Fprintf(l.out, "  violations     %d\n", l.violationCount())
	for _, k := range slices.Sorted(maps.Keys(l.violations)) {
		fmt.Fprintf(l.out, "    %-12s %d\n", k, l.violations[k])
	}
}
