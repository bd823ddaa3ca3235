// Package instances runs several brokers in one process: a [Supervisor] starts,
// stops and reloads each alone, and starts one that failed again as its
// configuration says. One that cannot start or that dies takes no other with it.
//
//	s, err := instances.New(instances.Options{Log: log})
//	if err != nil { … }
//	defer s.Shutdown(ctx)
//	err = s.Launch(ctx, configs.Instance{Config: lines}, configs.Instance{Config: offices})
//
// Each is a [troupe.Broker] with listeners, sessions, limits, data directory and
// logger of its own. They share the process: its memory, its processors, and its
// end. Those of a program that keeps no files of configuration are made from
// configs.Defaults; those of files are read by configs.LoadAll.
//
// A Supervisor is a [troupe.Instances], which every Broker gets, so that the
// control endpoint of each answers for all; and a dialer, so that a bridge of one
// reaches another by its name, without a socket.
//
// The package decides who runs and when, and knows nothing of MQTT.
package instances

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/eventloop"
)

var (
	// ErrClosed is returned by what needs a Supervisor that was not shut down.
	ErrClosed = errors.New("instances: the supervisor has ended")
	// ErrNotRunning is wrapped by Dial for an instance that does not run.
	ErrNotRunning = errors.New("it does not run")
)

// Options is what a Supervisor is made of. Its zero value is usable.
type Options struct {
	// Log takes what becomes of instances, each line with the field instance. Nil:
	// nothing is logged.
	Log *zap.Logger
	// Logger makes the logger of a Broker, which adds the field instance itself.
	// Nil: all have Log.
	Logger func(c configs.Config) (*zap.Logger, error)
	// Broker gives more options for the Broker of an instance: who authenticates
	// its Clients, say. It is called for each start, on any goroutine. Nil: none.
	Broker func(c configs.Config) []troupe.Option
	// Inputs are the environment and flags for configurations that are read while
	// the Supervisor runs, by Add and Reload. Its File is not read.
	Inputs configs.Inputs
	// Fits judges whether all instances that there are and those to come can be on
	// this machine together; an error keeps the new ones from being launched. Nil:
	// nobody judges.
	Fits func(all []configs.Config) error
	// UntilLast ends the Supervisor once no instance runs, or is going to without
	// being asked. It does not end before the first Launch. False: only Shutdown
	// and the policy stop-all end it.
	UntilLast bool

	// make is what makes a broker; nil: troupe.New. Tests have their own.
	make func(c configs.Config, options []troupe.Option) (broker, error)
}

// broker is what is supervised: a *troupe.Broker.
type broker interface {
	Probe(ctx context.Context) error
	Start(ctx context.Context) error
	Shutdown(ctx context.Context) error
	Reload(ctx context.Context, c configs.Config) (restart []string, err error)
	Done() <-chan struct{}
	Err() error
	Status() troupe.Instance
	Dial(ctx context.Context) (net.Conn, error)
}

// Supervisor looks after instances. Its methods are safe for concurrent use.
type Supervisor struct {
	o      Options
	system *system.System
	loops  *eventloop.Group
	table  table    // what the actor looks after, and what of that others see
	slots  chan int // of starts that are under way at a time
	joins  chan int // one Launch, Add or Reload at a time has it

	hashing *troupe.Hashing // of the passwords of all of them

	life  context.Context // until the instances have to hurry
	hurry context.CancelCauseFunc
	done  chan struct{}

	pid *actor.PID
}

// New makes a Supervisor without instances. It holds a goroutine until Shutdown.
func New(o Options) (*Supervisor, error) {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Logger == nil {
		o.Logger = func(configs.Config) (*zap.Logger, error) { return o.Log, nil }
	}
	if o.Broker == nil {
		o.Broker = func(configs.Config) []troupe.Option { return nil }
	}
	if o.make == nil {
		o.make = func(_ configs.Config, options []troupe.Option) (broker, error) { return troupe.New(options...) }
	}
	o.Inputs.File = ""
	loops, err := eventloop.New(1, o.Log)
	if err != nil {
		return nil, fmt.Errorf("instances: %w", err)
	}
	s := &Supervisor{
		o: o, loops: loops, system: system.New(system.Options{Log: o.Log}), slots: make(chan int, 2*runtime.GOMAXPROCS(0)), joins: make(chan int, 1),
		done: make(chan struct{}), hashing: troupe.NewHashing(0),
	}
	s.life, s.hurry = context.WithCancelCause(context.Background())
	s.table.seen.Store(newView(nil))
	loop := loops.Loops()[0]
	kind, resume := s.system.Kind("instances", system.Supervision{}), system.Supervision{Action: system.Resume} // a restart would forget what is asked of it
	s.pid, err = s.system.Spawn(kind, loop, "instances", resume, func(*system.Mailbox) actor.Actor { return newDirector(s, loop) })
	if err != nil { // the system is new: the name is free
		return nil, errors.Join(fmt.Errorf("instances: %w", err), loops.Close(context.Background()))
	}
	go s.watch()
	return s, nil
}

// watch ends what the actor ran on.
func (s *Supervisor) watch() {
	<-s.system.Ended(s.pid)
	_ = s.loops.Close(context.Background())
	close(s.done)
}

// Launch starts instances beside those that there are, and returns when each has
// come up or has failed. Nothing is started if two of all want the same
// ([configs.Conflicts]), if one is not allowed, or if somebody else has a port or
// data directory that one needs: the error, [configs.Problems] or that of
// [troupe.Broker.Probe], tells all that is wrong, and of whom. An instance whose
// supervision.on_failure was set to restart or stop does not keep the others from
// starting by the last of these, nor by a file that it names and that is wrong
// ([configs.OfFiles]): it fails alone, and that becomes of it.
//
// How one that fails later, or over something else, is dealt with is up to its
// configuration, and no error here: see List and Err.
func (s *Supervisor) Launch(ctx context.Context, all ...configs.Instance) error {
	settled, err := s.join(ctx, slices.Clone(all))
	if err != nil {
		return err
	}
	return s.await(ctx, settled)
}

// Add implements [troupe.Instances]: it reads a configuration file and launches what is in
// it. The error of one that is not allowed has a line for each thing that is wrong. Variables and flags that only one instance can have are not for these.
func (s *Supervisor) Add(ctx context.Context, file string) (names []string, err error) {
	all, err := configs.LoadMore([]string{file}, s.o.Inputs)
	if err != nil {
		return nil, whole(err)
	}
	if err := s.Launch(ctx, all...); err != nil {
		return nil, err
	}
	for _, i := range all {
		names = append(names, i.Config.Name)
	}
	return names, nil
}

// Remove implements [troupe.Instances]. An instance of the same name can be added afterwards.
// One that fails when it is the only one left is alone, as its supervision.on_failure takes it.
func (s *Supervisor) Remove(ctx context.Context, name string) error {
	leave, err := s.alone(ctx)
	if err != nil {
		return err
	}
	defer leave()
	reply := make(chan error, 1)
	return s.ask(ctx, &removal{name: name, reply: reply}, reply)
}

// List implements [troupe.Instances].
func (s *Supervisor) List(context.Context) ([]troupe.Instance, error) {
	seen := s.table.seen.Load()
	list := make([]troupe.Instance, len(seen.all))
	for i := range list {
		list[i] = seen.all[i].status()
	}
	slices.SortFunc(list, func(a, b troupe.Instance) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Start implements [troupe.Instances].
func (s *Supervisor) Start(ctx context.Context, name string) error {
	reply := make(chan error, 1)
	return s.ask(ctx, &order{name: name, start: true, reply: reply}, reply)
}

// Stop implements [troupe.Instances]. When ctx is done first the instance goes on to stop.
// An error of the end itself, of a store that could not be closed say, is that of Stop and the
// last one in List; the instance is stopped all the same.
func (s *Supervisor) Stop(ctx context.Context, name string) error {
	reply := make(chan error, 1)
	return s.ask(ctx, &order{name: name, reply: reply}, reply)
}

// Reload implements [troupe.Instances]: it reads the configuration of an instance
// again, from where configs.LoadAll read it. What changed and is not in
// restart is in force when it returns, and what needs a restart from the next
// start on. The name of an instance cannot change: "name" in restart needs another process.
func (s *Supervisor) Reload(ctx context.Context, name string) (restart []string, err error) {
	leave, err := s.alone(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	i, err := s.table.seen.Load().find(name)
	if err != nil {
		return nil, err
	}
	if i.definition.Sources == nil {
		return nil, fmt.Errorf("instance %s: its configuration was made by the program, and cannot be read again", name)
	}
	again, err := i.definition.Again(s.o.Inputs)
	if err != nil {
		return nil, whole(err)
	}
	return s.configure(ctx, name, again)
}

// whole is an error for who has asked for something: with all that is wrong, a line
// for each.
func whole(err error) error {
	if problems := (configs.Problems)(nil); errors.As(err, &problems) {
		return problems.Lines()
	}
	return err
}

// Configure gives an instance another configuration, as [Supervisor.Reload] does
// with what it reads.
func (s *Supervisor) Configure(ctx context.Context, name string, c configs.Config) (restart []string, err error) {
	leave, err := s.alone(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	i, err := s.table.seen.Load().find(name)
	if err != nil {
		return nil, err
	}
	again := i.definition
	again.Config, again.Sources = c, nil
	return s.configure(ctx, name, again)
}

// Dial connects to an instance without a socket: see [troupe.Broker.Dial]. The
// Brokers of the Supervisor reach each other by it, as instance://name. It waits for
// one that is starting, or is going to without being asked, until ctx is done; one
// that stays as it is, stopped or failed, is an [ErrNotRunning] at once, as is one that is started
// again only after the deadline of ctx.
func (s *Supervisor) Dial(ctx context.Context, name string) (net.Conn, error) {
	for {
		now := s.table.seen.Load()
		i, err := now.find(name)
		if err != nil {
			return nil, err
		}
		if i.state == troupe.InstanceRunning {
			conn, err := i.broker.Dial(ctx)
			if !errors.Is(err, troupe.ErrNotRunning) {
				return conn, err
			} // it has just ended: what becomes of it is seen next
		}
		away := fmt.Errorf("instance %s: %w, it is %s", name, ErrNotRunning, i.state)
		if deadline, ok := ctx.Deadline(); !i.comes() || ok && i.retryAt > deadline.UnixMilli() {
			return nil, away
		}
		select {
		case <-now.over:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", away, ctx.Err())
		}
	}
}

// Shutdown stops all instances at once, each in order, and ends the Supervisor.
// When ctx is done they end at once; the error is then that of ctx. Otherwise it joins what went
// wrong at their ends, with stores that could not be closed say. It leaves no goroutine, port
// or file.
func (s *Supervisor) Shutdown(ctx context.Context) error {
	s.system.Send(s.pid, &closing{})
	select {
	case <-s.done:
		return errors.Join(s.table.wrong...)
	case <-ctx.Done():
	}
	s.hurry(context.Cause(ctx))
	<-s.done
	return ctx.Err()
}

// Done is closed when the Supervisor has ended: by Shutdown, by the policy stop-all
// of an instance, or with its last instance.
func (s *Supervisor) Done() <-chan struct{} { return s.done }

// Err is nil until Done is closed, and after a Shutdown. Otherwise it is why the
// first of the instances failed that ended it: the one with the policy
// stop-all, or of all that are no more the one that failed first; if all were
// stopped, what went wrong at the end of the last, or nil.
func (s *Supervisor) Err() error {
	select {
	case <-s.done:
		return s.table.cause
	default:
		return nil
	}
}

// Running tells how many instances run, or are going to without being asked.
func (s *Supervisor) Running() int {
	n := 0
	for _, i := range s.table.seen.Load().all {
		if i.state != troupe.InstanceStopped && i.state != troupe.InstanceFailed {
			n++
		}
	}
	return n
}

// ask sends the actor something and waits for the answer.
func (s *Supervisor) ask(ctx context.Context, m system.Undelivered, reply <-chan error) error {
	s.system.Send(s.pid, m)
	return s.await(ctx, reply)
}

func (s *Supervisor) await(ctx context.Context, reply <-chan error) error {
	select {
	case err := <-reply:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// alone waits for its turn among those who bring configurations.
func (s *Supervisor) alone(ctx context.Context) (leave func(), err error) {
	select {
	case s.joins <- 0:
		return func() { <-s.joins }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
