package instances

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/configs"
)

// What callers do before and after they ask the actor, on goroutines of theirs:
// all that reads files, opens ports or waits for a broker.

// join launches instances, if they can live beside each other and those that
// there are. settled is answered when each has come up or failed.
func (s *Supervisor) join(ctx context.Context, all []configs.Instance) (settled <-chan error, err error) {
	leave, err := s.alone(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := s.judge(all, ""); err != nil {
		return nil, err
	}
	for i := range all {
		all[i].Config.Limits.EventLoops = s.eventLoops(&all[i].Config, len(all))
	}
	first, err := s.first(ctx, all)
	if err != nil {
		return nil, err
	}
	known, reply := make(chan error, 1), make(chan error, 1)
	err = s.ask(ctx, &enter{all: all, first: first, known: known, settled: reply}, known)
	if errors.Is(err, ErrClosed) {
		unmake(ctx, first)
	}
	return reply, err
}

// unmake gives up brokers that were not started, with the listeners that were
// handed to them.
func unmake(ctx context.Context, brokers []broker) {
	for _, b := range brokers {
		if b != nil {
			_ = b.Shutdown(ctx)
		}
	}
}

// first makes a broker of each, if none finds that somebody else has what it needs,
// or that a file is wrong. One that will fail by itself over either may be nil.
func (s *Supervisor) first(ctx context.Context, all []configs.Instance) (first []broker, err error) {
	var wrong []error
	for _, i := range all {
		alone := i.Config.Supervision.Isolated()
		b, err := s.make(i.Config)
		switch {
		case err == nil:
			if err = b.Probe(ctx); alone {
				err = nil
			}
		case alone && configs.OfFiles(err):
			b, err = nil, nil
		default:
			b = nil
		}
		first = append(first, b)
		if err != nil {
			wrong = append(wrong, s.named(i.Config.Name, err, len(all)))
		}
	}
	if len(wrong) == 0 {
		return first, nil
	}
	unmake(ctx, first)
	return nil, errors.Join(wrong...)
}

// judge tells what two configurations, of these and of those that there are, both
// want, save for the one that they replace.
func (s *Supervisor) judge(all []configs.Instance, replaced string) error {
	problems := configs.Conflicts(all)
	for _, other := range s.table.seen.Load().all {
		if other.definition.Config.Name == replaced {
			continue
		}
		for _, i := range all {
			found := configs.Conflicts([]configs.Instance{other.definition, i})
			if len(found) == 0 && other.state != troupe.InstanceStopped { // it may still have what it is about to give up
				found = configs.Conflicts([]configs.Instance{other.forced, i})
			}
			problems = append(problems, found...)
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return s.fit(all, replaced)
}

// fit tells whether these, and those that there are, can be on the machine
// together, save for the one that they replace.
func (s *Supervisor) fit(all []configs.Instance, replaced string) error {
	if s.o.Fits == nil {
		return nil
	}
	var together []configs.Config
	for _, other := range s.table.seen.Load().all {
		if other.definition.Config.Name != replaced && other.state != troupe.InstanceStopped {
			together = append(together, other.definition.Config)
		}
	}
	for _, i := range all {
		together = append(together, i.Config)
	}
	return s.o.Fits(together)
}

// eventLoops is how many an instance gets: those of the machine are shared out
// among the instances, unless it says how many it wants.
func (s *Supervisor) eventLoops(c *configs.Config, more int) int {
	if c.Limits.EventLoops > 0 {
		return c.Limits.EventLoops
	}
	machine := max(1, runtime.GOMAXPROCS(0)-1)
	n := max(1, len(s.table.seen.Load().all)+more)
	return (machine + n - 1) / n
}

// make makes the broker of an instance, with what all of them get.
func (s *Supervisor) make(c configs.Config) (broker, error) {
	log, err := s.o.Logger(c)
	if err != nil {
		return nil, err
	}
	return s.o.make(c, append([]troupe.Option{
		troupe.WithConfig(c), troupe.WithLogger(log), troupe.WithInstances(s), troupe.WithDialer(s.Dial), troupe.WithHashing(s.hashing),
	}, s.o.Broker(c)...))
}

// named says whose an error is, if there are several, and so of each that it
// joins.
func (s *Supervisor) named(name string, err error, more int) error {
	if len(s.table.seen.Load().all)+more < 2 {
		return err
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return fmt.Errorf("instance %s: %w", name, err)
	}
	var all []error
	for _, err := range joined.Unwrap() {
		all = append(all, fmt.Errorf("instance %s: %w", name, err))
	}
	return errors.Join(all...)
}

// configure gives an instance another configuration. Whoever calls it is alone.
func (s *Supervisor) configure(ctx context.Context, name string, again configs.Instance) (restart []string, err error) {
	renamed := again.Config.Name != name
	again.Config.Name = name
	if err := s.judge([]configs.Instance{again}, name); err != nil {
		return nil, err
	}
	if err := again.Config.Validate(); err != nil {
		return nil, err
	}
	if again.Config.Limits.EventLoops == 0 {
		i, err := s.table.seen.Load().find(name)
		if err != nil {
			return nil, err
		}
		again.Config.Limits.EventLoops = i.definition.Config.Limits.EventLoops
	}
	running, reply := make(chan broker, 1), make(chan error, 1)
	if err := s.ask(ctx, &change{name: name, to: again, running: running, reply: reply}, reply); err != nil {
		return nil, err
	}
	if renamed {
		restart = append(restart, "name")
	}
	b := <-running
	if b == nil {
		return restart, nil
	}
	keys, err := b.Reload(ctx, again.Config)
	if errors.Is(err, troupe.ErrNotRunning) {
		err = nil // it has ended meanwhile, and starts with this
	}
	return slices.Concat(restart, keys), err
}

// moment is the time of a Unix millisecond.
func moment(milli int64) time.Time { return time.UnixMilli(milli) }
