// Command soak keeps a broker busy with Clients that come, subscribe, publish
// at every QoS, vanish and come back, and holds it to its promises all the
// time: nothing with QoS 1 or 2 is lost for a Session that is kept, nothing
// with QoS 2 comes twice, messages of one publisher, topic and QoS come in
// order, a Session is present when it has to be.
//
//	go run ./bench/soak                                 # 200 clients, 10 minutes, the broker of this tree
//	go run ./bench/soak -duration 20s -target mqtt://127.0.0.1:1883
//
// It prints a summary, and every violation as it is seen. Exit codes: 0 nothing
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
	"strings"
	"time"
)

// settings is what the flags say.
type settings struct {
	target   string // host:port; empty: a broker of our own
	binary   string // of that broker; empty: built from this tree
	duration time.Duration
	settle   time.Duration // for what is under way at the end
	clients  int
	rate     float64 // messages a second of each Client
	seed     uint64
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	violated, err := soak(ctx, s, stdout)
	if err != nil {
		fmt.Fprintln(stderr, "soak:", err)
		return 2
	}
	if violated {
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.target, "target", "", "broker as mqtt://host:port; without it one of this tree is built and started")
	flags.StringVar(&s.binary, "binary", "", "troupe binary to start instead of building one")
	flags.DurationVar(&s.duration, "duration", 10*time.Minute, "how long new messages are published")
	flags.DurationVar(&s.settle, "settle", time.Minute, "how long the last messages may take")
	flags.IntVar(&s.clients, "clients", 200, "clients, at least 4")
	flags.Float64Var(&s.rate, "rate", 20, "messages a second that each client publishes")
	flags.Uint64Var(&s.seed, "seed", uint64(time.Now().UnixNano()), "of everything that is left to chance")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	s.target = strings.TrimPrefix(s.target, "mqtt://")
	if flags.NArg() > 0 || s.clients < 4 || s.rate <= 0 {
		flags.Usage()
		return s, errors.New("not allowed")
	}
	return s, nil
}
