// Command pgo renews the profile that the compiler optimises the broker by.
//
// It runs a broker in its own process, under the CPU profiler, and drives it
// from a second one with the shipped workloads that saturate it and with the
// one that does not. cmd/troupe/default.pgo is where `go build` finds it:
//
//	go run ./bench/pgo -o cmd/troupe/default.pgo
//
// The profile names functions and not addresses, so it stays of use while the
// code changes; renew it when the hot path has.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/bench"
)

func main() {
	out := flag.String("o", "cmd/troupe/default.pgo", "the `file` to write")
	workloads := flag.String("workloads", "A,B,C,D,E,F,G,H,AQ,A5,P1k", "`names` of the workloads, for the same time each")
	length := flag.Duration("for", 5*time.Second, "how `long` each runs")
	drive := flag.String("drive", "", "internal: drive the broker at this `URI`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := func() error {
		if *drive != "" {
			return load(ctx, *drive, strings.Split(*workloads, ","), *length)
		}
		return record(ctx, *out, *workloads, *length)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pgo:", err)
		os.Exit(1)
	}
}

// record runs the broker and profiles it while the second process drives it.
func record(ctx context.Context, out, workloads string, length time.Duration) (err error) {
	dir, err := os.MkdirTemp("", "pgo")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	broker, err := troupe.New(troupe.WithAddress("127.0.0.1:0"), troupe.WithDataDir(dir))
	if err != nil {
		return err
	}
	if err := broker.Start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, broker.Shutdown(context.WithoutCancel(ctx))) }()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	driver := exec.CommandContext(ctx, self, "-drive", "mqtt://"+broker.Addr("tcp").String(), "-workloads", workloads, "-for", length.String())
	driver.Stdout, driver.Stderr = os.Stdout, os.Stderr

	// Written beside and renamed: a run that fails leaves the old one.
	file, err := os.CreateTemp(".", "pgo-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	err = driver.Run()
	pprof.StopCPUProfile()
	if err = errors.Join(err, file.Chmod(0o644), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), out)
}

// load drives the broker at uri.
func load(ctx context.Context, uri string, names []string, length time.Duration) error {
	for _, name := range names {
		w, err := bench.LoadWorkload(name)
		if err != nil {
			return err
		}
		w.Duration = length
		r, err := bench.Run(ctx, w, bench.Target{Name: "troupe", URI: uri}, bench.WithoutCollector(2<<30), bench.WithProcessors(0))
		if err != nil {
			return fmt.Errorf("workload %s: %w", name, err)
		}
		rate := 0.0
		switch {
		case r.Delivery != nil:
			rate = r.Delivery.Rate
		case r.Connects != nil:
			rate = r.Connects.PerSecond
		}
		fmt.Printf("%s: %.0f a second\n", name, rate)
	}
	return nil
}
