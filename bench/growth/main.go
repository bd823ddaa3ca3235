// Command growth keeps a broker writing and holds its directory to a multiple of
// what is alive in it: the Retained Messages of 10,000 topics that are updated
// all the time, and steady traffic with QoS 1 to a Session that is connected and
// to one that is away every now and then.
//
//	go run ./bench/growth                                 # 30 minutes, the broker of this tree
//	go run ./bench/growth -duration 20s -memtable 1MiB -topics 1000 -payload 2048 -rate 5000
//
// The limit is -floor, which stands for the logs and tables that a store of that
// memtable has at all times, and -multiple times the live data: keys, values and
// what waits for the Session that is away. A run is to write several times its
// limit, or it says nothing.
//
// Exit codes: 0 the directory stayed below its limit and nothing was lost; 1 it
// did not, or something was; 2 it could not run, or wrote too little.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// settings is what the flags say.
type settings struct {
	duration   time.Duration
	binary     string // empty: built from this tree
	durability string
	topics     int
	payload    int
	rate       float64 // updates a second
	messages   float64 // with QoS 1 a second
	away       time.Duration
	interval   time.Duration
	memtable   string
	floor      int64
	multiple   int64
}

func main() {
	os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
}

func execute(args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil {
		var grown bool
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		if grown, err = growth(ctx, s, stdout, stderr); err == nil && grown {
			return 1
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, "growth:", err)
		return 2
	}
	return 0
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("growth", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.DurationVar(&s.duration, "duration", 30*time.Minute, "how long it is written")
	flags.StringVar(&s.binary, "binary", "", "troupe binary to start instead of building one")
	flags.StringVar(&s.durability, "durability", "disk", "what the broker promises: disk, process or memory")
	flags.IntVar(&s.topics, "topics", 10_000, "topics with a Retained Message")
	flags.IntVar(&s.payload, "payload", 512, "bytes of each message, at least 8")
	flags.Float64Var(&s.rate, "rate", 2000, "updates of Retained Messages a second, at most")
	flags.Float64Var(&s.messages, "messages", 500, "messages a second to the two Sessions, at most")
	flags.DurationVar(&s.away, "away", 10*time.Second, "how long the one Session is away, and how long it is there")
	flags.DurationVar(&s.interval, "interval", 5*time.Second, "from one measurement to the next")
	flags.StringVar(&s.memtable, "memtable", "8MiB", "persistence.memtable of the broker")
	flags.Int64Var(&s.floor, "floor", 0, "bytes that the directory may have in any case; 0: 4 MiB and 4 memtables")
	flags.Int64Var(&s.multiple, "multiple", 3, "times the live data that it may have besides")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 || s.topics < 1 || s.payload < 8 || s.rate <= 0 || s.messages <= 0 || min(s.duration, s.away, s.interval) <= 0 || s.multiple < 1 || s.floor < 0 {
		return s, errors.New("an argument that is no flag, or a number that is too small; -help tells what is allowed")
	}
	if s.floor == 0 {
		memtable, err := size(s.memtable)
		if err != nil {
			return s, err
		}
		s.floor = 4<<20 + 4*memtable
	}
	return s, nil
}

// size reads a size of whole mebibytes, as the broker's configuration has them.
func size(text string) (int64, error) {
	var n int64
	var rest string
	if _, err := fmt.Sscanf(text+" .", "%dMiB %s", &n, &rest); err != nil || rest != "." || n < 1 {
		return 0, fmt.Errorf("-memtable %q is not allowed; allowed: whole MiB, as 16MiB", text)
	}
	return n << 20, nil
}
