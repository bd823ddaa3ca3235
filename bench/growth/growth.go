package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/troupemq/troupe/bench/internal/broker"
)

// patience is how long the broker may take for an answer, and for all that is
// under way at the end.
const patience = time.Minute

// growth runs everything and tells whether the directory grew beyond its limit,
// or something did not come.
func growth(ctx context.Context, s settings, out, stderr io.Writer) (grown bool, err error) {
	dir, err := os.MkdirTemp("", "growth")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	binary := s.binary
	if binary == "" {
		binary, err = broker.Build(ctx, dir)
	} else {
		binary, err = filepath.Abs(binary)
	}
	if err != nil {
		return false, err
	}
	data := filepath.Join(dir, "data")
	b, err := broker.Start(broker.Options{
		Binary: binary, Dir: dir, Args: []string{"--log-level", "warn", "--data-dir", data}, Stderr: stderr,
		Env: []string{"TROUPE_DURABILITY=" + s.durability, "TROUPE_PERSISTENCE_MEMTABLE=" + s.memtable, "TROUPE_SHUTDOWN_GRACE_PERIOD=1s"},
	})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, b.Stop()) }()
	fmt.Fprintf(out, "growth: %s, %d topics with %d bytes each, durability %s, memtables of %s\n", s.duration, s.topics, s.payload, s.durability, s.memtable)

	w := &world{settings: s, out: out, address: b.Address, data: data}
	began := time.Now()
	if err := w.fill(ctx); err != nil {
		return false, err
	}
	fmt.Fprintf(out, "growth: filled within %s\n", time.Since(began).Round(time.Millisecond))
	if err := w.write(ctx, b.Done()); err != nil {
		return false, err
	}
	whole, end, err := w.finish(ctx)
	if err != nil {
		return false, err
	}
	if end.disk < int64(w.topics*w.payload) {
		return false, fmt.Errorf("%s in the directory are less than the retained payloads: the broker does not keep them there", mib(end.disk))
	}
	m := w.worst
	fmt.Fprintf(out, "growth: written %s; at most %s in the directory, where %s were allowed with %s of live data; broker holds %s\n",
		mib(w.written.Load()), mib(m.disk), mib(m.limit), mib(m.live), b.Memory())
	if m.disk > m.limit {
		fmt.Fprintln(out, "VIOLATION the directory grew beyond its limit")
		return true, nil
	}
	if !whole {
		return true, nil
	}
	if least := 3 * m.limit; w.written.Load() < least {
		return false, fmt.Errorf("%s were written, and it takes %s to tell that the directory does not grow: give it more time, a higher -rate or a smaller -memtable", mib(w.written.Load()), mib(least))
	}
	return false, nil
}

// write keeps the broker writing for the whole time, and measures.
func (w *world) write(ctx context.Context, ended <-chan struct{}) error {
	writing, stop := context.WithTimeout(ctx, w.duration)
	defer stop()
	var busy sync.WaitGroup
	failed := make(chan error, 8)
	start := func(what func(context.Context) error) {
		busy.Go(func() {
			if err := what(writing); err != nil && writing.Err() == nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
	defer busy.Wait()
	defer stop()
	if err := w.listen(ctx); err != nil {
		return err
	}
	for part := range publishers {
		start(func(ctx context.Context) error { return w.update(ctx, part) })
	}
	start(w.talk)
	start(w.comeAndGo)

	tick := time.NewTicker(w.interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m, err := w.measure()
			if err != nil {
				return err
			}
			fmt.Fprintln(w.out, m)
		case <-ended:
			return errors.New("the broker ended by itself")
		case err := <-failed:
			return err
		case <-writing.Done():
			return ctx.Err()
		}
	}
}
