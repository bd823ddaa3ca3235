package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/troupemq/troupe/bench/internal/client"
	"github.com/troupemq/troupe/bench/internal/process"
	"github.com/troupemq/troupe/bench/peer"
)

// subject is a broker with its directory, whether it runs or not.
type subject struct {
	settings
	peer    peer.Peer
	dir     string
	log     io.Writer
	running *peer.Running
	address client.Endpoint
	began   time.Time // when it was started last
}

// start runs the broker on what it has in its directory, and returns how long it took to answer CONNECT.
func (b *subject) start(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	r, err := b.peer.StartIn(ctx, b.dir)
	if err != nil {
		return 0, err
	}
	b.running, b.began = r, began
	b.address, err = client.ParseEndpoint(r.Target.URI)
	return r.Answered, err
}

// stop ends the broker in good order.
func (b *subject) stop() error {
	r := b.running
	b.running = nil
	return r.Stop()
}

// crash ends it by SIGKILL.
func (b *subject) crash() error {
	r := b.running
	b.running = nil
	return r.Kill()
}

// say tells who waits what is going on.
func (b *subject) say(format string, args ...any) {
	fmt.Fprintf(b.log, "%s: %s\n", b.peer.Definition.Name, fmt.Sprintf(format, args...))
}

// memory is what a process has, in bytes.
type memory struct {
	resident  int64
	anonymous int64 // of that, what is not the content of files: its own data
	known     bool
}

// Memory has settled when it has not moved by more than a thousandth, or a quarter of a MiB, for the time that the settings
// say. Who has not settled in ten times that is taken as he is.
const (
	settledBy    = 256 << 10
	settledLimit = 10
)

// settled is the broker's memory once it has stopped to change.
func (b *subject) settled(ctx context.Context) memory {
	began, since := time.Now(), time.Now()
	var last int64
	for {
		pid := b.running.Target.PID
		resident, err := process.Resident(pid)
		if err != nil {
			return memory{} // not told on this system
		}
		if moved := max(last-resident, resident-last); moved > max(settledBy, resident/1000) {
			last, since = resident, time.Now()
		}
		if time.Since(since) >= b.settle || time.Since(began) >= settledLimit*b.settle || ctx.Err() != nil {
			anonymous, err := process.Anonymous(pid)
			return memory{resident, anonymous, err == nil}
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}
