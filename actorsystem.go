package troupe

import "github.com/asynkron/protoactor-go/actor"

// WithActorSystem has the actors of the Broker live in an actor system of the
// program, beside the program's own: they can send to one another, watch one
// another, and [Broker.SubscribePID] hands messages to any of them. Any number
// of Brokers may live in one; they go on not knowing of one another. Without it
// a Broker has one of its own.
//
// What is in the system stays as it is. The Broker does not write to its logger,
// does not go through what was hung into its Root, publishes nothing on its
// EventStream, and stops nothing but its own actors, on event loops of its own.
// What it leaves there at its end is one empty entry, however many Brokers come
// and go, since a protoactor system does not forget whom it asks about PIDs. For
// the same reason the first Start of a Broker in a system must not happen while
// protoactor's remote is started, or messages are sent to other processes, in
// that system.
//
// The system is not shut down with the Broker. Shut the Broker down first.
func WithActorSystem(actors *actor.ActorSystem) Option {
	return func(b *Broker) {
		if actors == nil {
			b.refuse("WithActorSystem: the actor system is nil")
		}
		b.actors = func() *actor.ActorSystem { return actors }
	}
}

// ActorSystem is where the actors of the Broker live: that of [WithActorSystem],
// or one of its own, which is there before Start and after Shutdown. The program
// may spawn its own actors in it. PIDs of the Broker's actors are not for it.
func (b *Broker) ActorSystem() *actor.ActorSystem {
	if b.none() {
		return nil
	}
	return b.actors()
}
