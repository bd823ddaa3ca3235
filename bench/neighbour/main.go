// Command neighbour measures what a Client of a quiet instance sees while its neighbour is flooded. It runs two instances in one process, or
// one beside several that are quiet, and as many Mosquitto processes if that is installed, and takes the time of connect, subscribe, publish
// and the message's arrival at the quiet ones in turn: without a flood, with one that is held to limits.rate, and with one that is not.
//
//	go run ./bench/neighbour
//	go run ./bench/neighbour -for 20s -publishers 50 -rate 20000
//	go run ./bench/neighbour -quiet 10
//
// Exit codes: 0 done; 1 a broker could not be measured; 2 an argument that is not allowed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/troupemq/troupe/bench/internal/broker"
)

// settings is what the arguments say.
type settings struct {
	span       time.Duration
	publishers int
	rate       int // messages a second of the flooded instance
	payload    int
	quiet      int // instances beside it
}

// row is quiet brokers and the one beside them.
type row struct {
	quiet []string // host:port
	loud  string
	stop  func()
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var s settings
	flag.DurationVar(&s.span, "for", 10*time.Second, "how long each case is measured")
	flag.IntVar(&s.publishers, "publishers", 20, "that flood, each as fast as it is read from")
	flag.IntVar(&s.rate, "rate", 20_000, "limits.rate.messages_per_second of the flooded instance")
	flag.IntVar(&s.payload, "payload", 100, "bytes of each message of the flood")
	flag.IntVar(&s.quiet, "quiet", 1, "instances beside the flooded one")
	flag.Parse()
	if flag.NArg() > 0 || s.span <= 0 || s.publishers < 1 || s.rate < 1 || s.payload < 0 || s.quiet < 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := s.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "neighbour:", err)
		os.Exit(1)
	}
}

func (s *settings) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "neighbour")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary, err := broker.Build(ctx, dir)
	if err != nil {
		return err
	}
	fmt.Println("| brokers | flood | round trips | p50 | p99 | largest | messages flooded a second |\n|---|---|---|---|---|---|---|")
	measure := func(name, flood string, publishers int, start func() (*row, error)) error {
		p, err := start()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		defer p.stop()
		return s.measure(ctx, name, flood, publishers, p)
	}
	troupe := func(rate int) func() (*row, error) {
		return func() (*row, error) { return s.startTroupe(ctx, binary, dir, rate) }
	}
	troupes, mosquittos := fmt.Sprintf("%d instances, one process", s.quiet+1), fmt.Sprintf("%d mosquitto processes", s.quiet+1)
	err = errors.Join(
		measure(troupes, "none", 0, troupe(0)),
		measure(troupes, fmt.Sprintf("held to %d/s", s.rate), s.publishers, troupe(s.rate)),
		measure(troupes, "not held", s.publishers, troupe(0)),
	)
	if path, missing := exec.LookPath("mosquitto"); missing == nil {
		mosquitto := func() (*row, error) { return s.startMosquitto(ctx, path, dir) }
		err = errors.Join(err,
			measure(mosquittos, "none", 0, mosquitto),
			measure(mosquittos, "not held", s.publishers, mosquitto))
	}
	return err
}

// measure floods one of the row and takes the time of round trips at the others.
func (s *settings) measure(ctx context.Context, name, flood string, publishers int, p *row) error {
	ctx, cancel := context.WithTimeout(ctx, s.span+30*time.Second)
	defer cancel()
	loud, err := newFlood(ctx, p.loud, publishers, s.payload)
	if err != nil {
		return err
	}
	defer loud.end()
	var took []time.Duration
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	sent, begun := loud.sent.Load(), time.Now()
	for time.Since(begun) < s.span {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pace.C:
		}
		d, err := roundTrip(ctx, p.quiet[len(took)%len(p.quiet)])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		took = append(took, d)
	}
	each := float64(loud.sent.Load()-sent) / time.Since(begun).Seconds()
	slices.Sort(took)
	at := func(share float64) time.Duration {
		return took[min(len(took)-1, int(share*float64(len(took))))].Round(10 * time.Microsecond)
	}
	fmt.Printf("| %s | %s | %d | %v | %v | %v | %.0f |\n", name, flood, len(took), at(0.5), at(0.99), at(1), each)
	return nil
}

// startTroupe runs all instances in one process.
func (s *settings) startTroupe(ctx context.Context, binary, dir string, rate int) (*row, error) {
	ports, err := freePorts(s.quiet + 1)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "c.yaml")
	text := fmt.Appendf(nil, "data_dir: \"\"\nsys: {interval: 0s}\nlog: {level: error}\ninstances:\n"+
		"- {name: loud, listeners: [{name: tcp, address: %q}], limits: {rate: {messages_per_second: %d}}}\n", ports[0], rate)
	for i, address := range ports[1:] {
		text = fmt.Appendf(text, "- {name: quiet%d, listeners: [{name: tcp, address: %q}]}\n", i, address)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	return startRow(ctx, ports, exec.Command(binary, "serve", "-c", file))
}

// startMosquitto runs a process for each.
func (s *settings) startMosquitto(ctx context.Context, path, dir string) (*row, error) {
	ports, err := freePorts(s.quiet + 1)
	if err != nil {
		return nil, err
	}
	var commands []*exec.Cmd
	for i, address := range ports {
		host, port, _ := strings.Cut(address, ":")
		file := filepath.Join(dir, fmt.Sprintf("mosquitto%d.conf", i))
		if err := os.WriteFile(file, fmt.Appendf(nil, "listener %s %s\nallow_anonymous true\nlog_type none\n", port, host), 0o600); err != nil {
			return nil, err
		}
		commands = append(commands, exec.Command(path, "-c", file))
	}
	return startRow(ctx, ports, commands...)
}

func startRow(ctx context.Context, ports []string, commands ...*exec.Cmd) (*row, error) {
	var running []*exec.Cmd
	stop := sync.OnceFunc(func() {
		for _, c := range running {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	})
	for _, c := range commands {
		c.Stderr = os.Stderr
		if err := c.Start(); err != nil {
			stop()
			return nil, err
		}
		running = append(running, c)
	}
	p := &row{quiet: ports[1:], loud: ports[0], stop: stop}
	for _, address := range ports {
		if err := listening(ctx, address); err != nil {
			stop()
			return nil, err
		}
	}
	return p, nil
}

// listening waits until somebody does.
func listening(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	for {
		c, err := net.Dial("tcp", address)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-retry.C:
		}
	}
}

// freePorts are addresses of 127.0.0.1 where nobody listens.
func freePorts(n int) (addresses []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		addresses = append(addresses, l.Addr().String())
	}
	return addresses, nil
}
