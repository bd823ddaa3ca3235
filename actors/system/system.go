// Package system is what we need of protoactor-go, and the one place that knows its traps: actors run on event loops through a mailbox of
// our own, failures are judged by strategies that report them with their stack, and shutting down waits for what is stopped.
//
// Start with [New]. Make a [Kind] for each sort of actor, spawn the top of a tree with [System.Spawn] and what hangs below with
// [Kind.SpawnChild]; stop a tree with [System.Stop].
//
// Actors implement actor.Actor and use protoactor's Context, PID and messages as they are. Behind these is no actor of protoactor's but a
// cell, since its own takes 900 bytes beside what an actor holds itself, and a cell 192. What actors should leave alone: futures (forward, do
// not ask), MessageBatch (the mailbox does not unwrap it). What fails if it is tried: ReceiveTimeout (it races; use the loop's timers),
// Stash (it is last in, first out), ReenterAfter, extensions, and Props (use Kinds).
package system

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/internal/eventloop"
)

// Options is what a System is made of.
type Options struct {
	// Actors is the actor.ActorSystem to live in, with others; nil: one of its own. What is there stays as it is, its logger too. The first
	// System in it is written into protoactor's list of those who know PIDs of elsewhere, which has no lock: nothing may be sent to a PID of
	// another process meanwhile, and no remote be started.
	Actors *actor.ActorSystem
	// Log takes what protoactor has to say, its INFO at the debug level, if the ActorSystem is the System's own.
	Log *zap.Logger
	// Failed is told of every failure once it is judged: to count it and to log it. It runs on the loop of the supervisor, or of the actor
	// itself for those at the top, and must be cheap. nil: failures are logged as errors.
	Failed func(Failure)
}

// System is the actors of one instance. Several may live in one actor.ActorSystem.
type System struct {
	actors    *actor.ActorSystem
	inside    *actor.ActorSystem // the same with a Root of our own: what others hang into theirs is not for us
	root      *actor.RootContext
	directory *directory
	guardian  *guardian
	failed    func(Failure)
	cells     cells
	queues    sync.Pool // of *queue, which idle mailboxes do not have
}

// New makes a system without actors. At its end stop the actors with Stop, then the loops, and call Close.
func New(o Options) *System {
	s := &System{actors: o.Actors, failed: o.Failed}
	if s.failed == nil {
		s.failed = func(f Failure) { f.log(o.Log) }
	}
	s.queues.New = func() any { return new(queue) }
	if s.actors == nil {
		s.actors = NewActors(o.Log)
	}
	inside := *s.actors
	s.root = actor.NewRootContext(s.actors, nil)
	s.inside, inside.Root = &inside, s.root
	s.directory = directoryOf(s.actors)
	s.cells.address = s.directory.join(s)
	s.guardian = newGuardian(s)
	return s
}

// NewActors makes an actor.ActorSystem for nobody but one System and who knows it.
func NewActors(log *zap.Logger) *actor.ActorSystem {
	actors := actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(newBridge(log)) }),
		actor.WithMetricProviders(nil),                            // protoactor's leaks a callback for every actor
		actor.WithDeadLetterThrottleInterval(10*time.Millisecond), // how long the first dead letter of a burst keeps a goroutine
	)
	shrink(actors.ProcessRegistry.LocalPIDs)
	return actors
}

// Close takes the system, whose actors have all ended, out of its actor.ActorSystem. PIDs that somebody still has lead nowhere from then on.
func (s *System) Close() { s.directory.leave(s) }

// shrink leaves one of the 1,024 maps, each of 32, that protoactor has for the names of its actors: 2.8 MB for the handful that is not ours.
func shrink(names *actor.SliceMap) {
	all := names.LocalPIDs
	names.LocalPIDs = slices.Clone(all[:1])
	for _, bucket := range all[1:] {
		if bucket.Count() == 0 {
			continue // Items starts 32 goroutines
		}
		for name, process := range bucket.Items() {
			names.LocalPIDs[0].Set(name, process)
		}
	}
}

// Actors is protoactor's system, for those who want what this package leaves out.
func (s *System) Actors() *actor.ActorSystem { return s.actors }

// Root sends from outside of actors. Its Send is as cheap as an actor's own.
func (s *System) Root() *actor.RootContext { return s.root }

// Send posts a message to an actor from any goroutine and never blocks. To an actor that has ended it is dropped.
func (s *System) Send(pid *actor.PID, message any) { s.root.Send(pid, message) }

// Spawn starts an actor of a kind at the top, on a loop; v supervises it, produce is as in [Kind.SpawnChild].
// The error is actor.ErrNameExists if an actor of this name has not ended.
func (s *System) Spawn(k *Kind, loop eventloop.Loop, name string, v Supervision, produce func(*Mailbox) actor.Actor) (*actor.PID, error) {
	return s.guardian.spawn(k, loop, name, v, produce)
}

// Stop stops an actor that Spawn started and waits until it, and all below it, have ended; what is left in its mailbox is not handled.
// If it does not end before ctx, the error is that of ctx; it may still end later.
func (s *System) Stop(ctx context.Context, pid *actor.PID) error {
	ended := s.guardian.endOf(pid)
	if ended == nil {
		return nil
	}
	s.root.Stop(pid)
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop %s: %w", pid.GetId(), ctx.Err())
	}
}

// Ended is closed once an actor that Spawn started has ended, together with all below it.
func (s *System) Ended(pid *actor.PID) <-chan struct{} {
	if ended := s.guardian.endOf(pid); ended != nil {
		return ended
	}
	closed := make(chan struct{})
	close(closed)
	return closed
}

// Mailbox is the mailbox of an actor, nil if it has ended.
func (s *System) Mailbox(pid *actor.PID) *Mailbox {
	if c := s.cells.find(pid); c != nil {
		return &c.Mailbox
	}
	return nil
}

// tell sends a system message.
func (s *System) tell(pid *actor.PID, message any) { tell(s.actors, pid, message) }
