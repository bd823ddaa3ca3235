package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/troupemq/troupe/bench"
)

const (
	startWithin = 30 * time.Second
	// attempts to start on another port, if somebody took the free one before the broker did.
	attempts = 3
	// knockEvery is how often a broker is asked whether it answers; a start is measured no finer.
	knockEvery = 5 * time.Millisecond
)

// Start runs the broker as a process of its own, in a directory of its own, on a free port of 127.0.0.1, and returns once it
// answers CONNECT. ctx bounds the start alone: the process lives until Stop. On Linux it ends with this process, however that
// ends.
//
// The error has the end of what the broker said.
func (p Peer) Start(ctx context.Context) (*Running, error) {
	return p.StartIn(ctx, "")
}

// StartIn is Start in a directory of the caller's, which stays after the end of the process, so that another start goes on with
// what the broker has kept there. Empty: a directory of the process's own.
func (p Peer) StartIn(ctx context.Context, dir string) (*Running, error) {
	for attempt := 1; ; attempt++ {
		r, err := p.start(ctx, dir)
		if err == nil || attempt == attempts || ctx.Err() != nil || !strings.Contains(strings.ToLower(err.Error()), "address already in use") {
			return r, err
		}
	}
}

func (p Peer) start(ctx context.Context, dir string) (_ *Running, err error) {
	d, own := p.Definition, ""
	if dir == "" {
		if dir, err = os.MkdirTemp("", "troupe-peer-"+d.Name+"-"); err != nil {
			return nil, fmt.Errorf("peer: %s: %w", d.Name, err)
		}
		own = dir
	}
	defer func() {
		if err != nil && own != "" {
			err = errors.Join(err, os.RemoveAll(own))
		}
	}()
	port, err := freePort()
	if err != nil {
		return nil, fmt.Errorf("peer: %s: a free port: %w", d.Name, err)
	}
	fill := filling{binary: p.Binary, dir: dir, config: filepath.Join(dir, "config"), port: port, files: raiseFiles()}
	if d.Config != "" {
		if err := os.WriteFile(fill.config, []byte(fill.text(d.Config)), 0o600); err != nil {
			return nil, fmt.Errorf("peer: %s: %w", d.Name, err)
		}
	}
	words := fill.words(d.Command)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), fill.words(d.Environment)...)
	began := time.Now()
	r, err := launch(d.Name, cmd)
	if err != nil {
		return nil, fmt.Errorf("peer: %s: %s: %w", d.Name, strings.Join(words, " "), err)
	}
	if d.StopWithin > 0 {
		r.patience = d.StopWithin
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	if err := r.awaitAnswer(ctx, address, d.StartWithin); err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	r.Answered, r.dir = time.Since(began), own
	r.Target = bench.Target{Name: d.Name, Version: p.Version, URI: "mqtt://" + address, PID: cmd.Process.Pid}
	go r.watch()
	return r, nil
}

// awaitAnswer returns once the broker accepts a Client.
func (r *Running) awaitAnswer(ctx context.Context, address string, within time.Duration) error {
	if within == 0 {
		within = startWithin
	}
	bounded, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	again := time.NewTicker(knockEvery)
	defer again.Stop()
	var last error
	for {
		err := knock(bounded, address)
		if err == nil {
			return nil
		}
		if errors.As(err, new(refused)) {
			return fmt.Errorf("peer: %s: %w", r.name, err)
		}
		if last == nil || bounded.Err() == nil { // what the bound cut off says nothing
			last = err
		}
		select {
		case <-r.gone:
			return fmt.Errorf("peer: %s ended before it answered: %w", r.name, r.end)
		case <-bounded.Done():
			if ctx.Err() != nil {
				return fmt.Errorf("peer: start of %s: %w", r.name, context.Cause(ctx))
			}
			return fmt.Errorf("peer: %s did not answer CONNECT at %s within %s: %w%s", r.name, address, within, last, r.said.quote())
		case <-again.C:
		}
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
