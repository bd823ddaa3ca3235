// Command durability measures what brokers keep of what they have acknowledged, and what it costs to have it back. It starts
// brokers of package peer in directories of their own, ends them in good order or with SIGKILL, and starts them again where they
// were. That is why it is no workload of package bench, to which a broker is an address that somebody else started.
//
//	go run ./bench/durability loss       # 10,000 messages for a Session that is away, 10,000 Retained Messages, kill -9
//	go run ./bench/durability restart    # 100,000 Sessions, 1,000,000 messages over them, 1,000,000 Retained Messages
//	go run ./bench/durability loss -peer troupe-disk,mosquitto-durable,mochi-durable -rounds 3 -markdown loss.md
//
// Loss is a result and no failure. Exit codes: 0 done; 1 a broker was missing or could not be measured; 2 an argument that is
// not allowed, nothing was measured.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/troupemq/troupe/bench/peer"
)

// settings is what the arguments say.
type settings struct {
	sessions   int // that are away, each with a Subscription
	queued     int // messages over them
	retained   int
	payload    int
	publishers int
	rounds     int
	within     time.Duration // for each part
	patience   time.Duration // without a message, until the rest is lost
	settle     time.Duration // that memory is to stand still
	scratch    string        // where the directories are made
	markdown   string
	peers      []peer.Definition
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(execute(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	measure, s, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "durability:", err)
		return 2
	}
	t := &table{title: s.title(measure.name)}
	failed := s.run(ctx, measure, t, stderr)
	t.write(stdout)
	if s.markdown != "" {
		failed = errors.Join(failed, os.WriteFile(s.markdown, []byte(t.markdown()), 0o644))
	}
	if failed != nil {
		fmt.Fprintln(stderr, "durability:", failed)
		return 1
	}
	return 0
}

// measurement is what can be asked for.
type measurement struct {
	name string
	of   func(context.Context, *subject, *column) error
	// what is published if no flag says otherwise
	sessions, queued, retained int
}

func measurements() []measurement {
	return []measurement{
		{"loss", loss, 1, 10_000, 10_000},
		{"restart", restart, 100_000, 1_000_000, 1_000_000},
	}
}

func parse(args []string, stderr io.Writer) (m measurement, s settings, err error) {
	names := make([]string, 0, 2)
	for _, one := range measurements() {
		names = append(names, one.name)
		if len(args) > 0 && args[0] == one.name {
			m = one
		}
	}
	flags := flag.NewFlagSet("durability "+strings.Join(names, "|"), flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&s.sessions, "sessions", m.sessions, "Sessions that are away")
	flags.IntVar(&s.queued, "queued", m.queued, "messages of QoS 1 over all Sessions, as many for each")
	flags.IntVar(&s.retained, "retained", m.retained, "Retained Messages, of QoS 1 and a topic each")
	flags.IntVar(&s.payload, "payload", 128, "bytes of each message, at least 24")
	flags.IntVar(&s.publishers, "publishers", 16, "clients that publish at once, with 100 messages on the way each")
	flags.IntVar(&s.rounds, "rounds", 1, "how often each broker has its turn")
	flags.DurationVar(&s.within, "within", 10*time.Minute, "what each part of a measurement may take: to fill, to count")
	flags.DurationVar(&s.patience, "patience", 5*time.Second, "how long nothing may come until the rest counts as lost")
	flags.DurationVar(&s.settle, "settle", 2*time.Second, "how long memory is to stand still before it is read; at most ten times that is waited for it")
	flags.StringVar(&s.scratch, "dir", "", "where the brokers' directories are made, on the device that is to be measured (default: that of the system for temporary files)")
	flags.StringVar(&s.markdown, "markdown", "", "`file` to write the table to, as Markdown")
	peers := flags.String("peer", "troupe-memory,troupe-process,troupe-disk", "`names` of brokers, in this order; troupe bench list has them")
	var binaries pairs
	flags.Var(&binaries, "binary", "program of a broker, as `name=path`, instead of what is looked for or built; may be given again")
	if len(args) == 0 || m.of == nil && !strings.HasPrefix(args[0], "-h") && !strings.HasPrefix(args[0], "--h") {
		return m, s, fmt.Errorf("the first argument says what is to be measured; allowed: %s", strings.Join(names, ", "))
	}
	if m.of != nil {
		args = args[1:]
	}
	if err := flags.Parse(args); err != nil {
		return m, s, err
	}
	if s.sessions < 1 || s.queued < s.sessions || s.retained < 1 || s.payload < 24 || s.publishers < 1 || s.rounds < 1 || flags.NArg() > 0 || min(s.within, s.patience, s.settle) <= 0 {
		return m, s, errors.New("an argument that is no flag, a number that is too small, or fewer messages than Sessions; -help tells what there is")
	}
	s.queued -= s.queued % s.sessions
	for _, name := range strings.Split(*peers, ",") {
		d, err := peer.Lookup(name)
		if err != nil {
			return m, s, err
		}
		if path, ok := binaries[name]; ok {
			if path, err = filepath.Abs(path); err != nil {
				return m, s, err
			}
			d = d.With(path)
			delete(binaries, name)
		}
		s.peers = append(s.peers, d)
	}
	for name := range binaries {
		return m, s, fmt.Errorf("-binary: %s is none of the brokers to be measured", name)
	}
	return m, s, nil
}

// pairs are the values of a flag that may be given again.
type pairs map[string]string

func (p pairs) String() string { return "" }

func (p *pairs) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" || value == "" {
		return fmt.Errorf("%q is not name=path", text)
	}
	if *p == nil {
		*p = make(pairs)
	}
	(*p)[name] = value
	return nil
}

func (s settings) title(name string) string {
	return fmt.Sprintf("%s: %d sessions that are away, %d messages of QoS 1 over them, %d retained messages, %d bytes each, %d publishers",
		name, s.sessions, s.queued, s.retained, s.payload, s.publishers)
}

// run measures all brokers in turn, and again in each round.
func (s settings) run(ctx context.Context, m measurement, t *table, log io.Writer) error {
	scratch, err := os.MkdirTemp(s.scratch, "durability")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	var found []peer.Peer
	var failed []error
	for _, d := range s.peers {
		p, err := d.Find(ctx, scratch)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		found = append(found, p)
		if note := d.Notes; note != "" {
			t.notes = append(t.notes, fmt.Sprintf("%s (%s): %s", d.Name, p.Version, note))
		}
	}
	for round := 1; round <= s.rounds; round++ {
		for _, p := range found {
			if ctx.Err() != nil {
				return errors.Join(append(failed, context.Cause(ctx))...)
			}
			c := &column{broker: p.Definition.Name}
			t.columns = append(t.columns, c)
			if err := s.one(ctx, m, p, scratch, c, log); err != nil {
				failed = append(failed, err)
				c.set("ended early", err.Error())
			}
		}
	}
	return errors.Join(failed...)
}

// one measures one broker in a directory of its own.
func (s settings) one(ctx context.Context, m measurement, p peer.Peer, scratch string, c *column, log io.Writer) (err error) {
	dir, err := os.MkdirTemp(scratch, p.Definition.Name)
	if err != nil {
		return err
	}
	b := &subject{settings: s, peer: p, dir: dir, log: log}
	defer func() {
		if b.running != nil {
			err = errors.Join(err, b.running.Kill())
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	return m.of(ctx, b, c)
}
