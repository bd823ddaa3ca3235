// Command crash kills a broker under load again and again, and holds it to its
// promise that what it acknowledged is safe: it builds and starts the real
// binary, publishes with QoS 1 and 2, subscribes and retains with clients of
// other people that resume their Sessions, kills the process at a random moment,
// starts it again on the same directory, and compares with a model:
//
//   - nothing that was acknowledged to its publisher is missing where there was a
//     subscription, of who is there all the time or was away;
//   - nothing comes twice with QoS 2, and with QoS 1 only around a crash;
//   - messages of one publisher, topic and QoS come in their order;
//   - Sessions and subscriptions are there, and those that ended are not;
//   - what is retained is what was acknowledged last, or sent after that;
//   - a Will that came due while the broker was down is published, once.
//
// To run it:
//
//	go run ./bench/crash                                    # 200 crashes of the broker of this tree
//	go run ./bench/crash -cycles 10 -durability process -v
//	go run ./bench/crash -durability none -cycles 2         # nothing is kept: it must find losses
//
// It prints a summary, and the violations as they are seen. Exit codes: 0 nothing
// was violated; 1 something was; 2 it could not run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// settings is what the flags say.
type settings struct {
	cycles     int
	clients    int
	durability string
	binary     string // empty: built from this tree
	seed       uint64
	rate       float64 // messages a second of all publishers together
	window     int     // messages that a publisher has open
	load       time.Duration
	settle     time.Duration
	wills      int // cycles from one Will to the next
	spare      bool
	keep       bool
	verbose    bool
}

// none is a broker that keeps nothing on disk, which must be seen to lose.
const none = "none"

var durabilities = []string{"disk", "process", "memory", none}

func main() {
	os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
}

func execute(args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "crash:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	violated, err := crash(ctx, s, stdout, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "crash:", err)
		return 2
	}
	if violated {
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("crash", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&s.cycles, "cycles", 200, "how often the broker ends, at least once; the last time in good order, else killed")
	flags.IntVar(&s.clients, "clients", 24, "publishers and subscribers, at least 6; a few are added")
	flags.StringVar(&s.durability, "durability", durabilities[0], "what the broker promises: "+strings.Join(durabilities, ", ")+" (no data directory; it then loses all)")
	flags.StringVar(&s.binary, "binary", "", "troupe binary to start instead of building one")
	flags.Uint64Var(&s.seed, "seed", uint64(time.Now().UnixNano()), "of what is left to chance here; what is not the same again is how the processes run")
	flags.Float64Var(&s.rate, "rate", 1500, "messages a second of all publishers together, at most")
	flags.IntVar(&s.window, "window", 20, "messages that a publisher has open, at most")
	flags.DurationVar(&s.load, "load", time.Second, "the latest moment of a crash, counted from when publishing begins")
	flags.DurationVar(&s.settle, "settle", 20*time.Second, "how long what is under way may take after a start")
	flags.IntVar(&s.wills, "wills", 10, "cycles from one Will to the next; the first cycle has one")
	flags.BoolVar(&s.spare, "spare", false, "end all connections instead of the broker, which then may keep what it likes in memory: a check of this command itself")
	flags.BoolVar(&s.keep, "keep", false, "leave the broker's directory behind if something was violated")
	flags.BoolVar(&s.verbose, "v", false, "tell of each cycle")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	switch {
	case flags.NArg() > 0:
		return s, fmt.Errorf("%q is not a flag", flags.Arg(0))
	case !slices.Contains(durabilities, s.durability):
		return s, fmt.Errorf("-durability %q is not allowed; allowed: %s", s.durability, strings.Join(durabilities, ", "))
	case s.cycles < 1 || s.clients < 6 || s.rate <= 0 || s.window < 1 || s.load <= 0 || s.settle <= 0 || s.wills < 2:
		return s, errors.New("a number is too small; -help tells what is allowed")
	}
	return s, nil
}
