// Package actortest runs the actors of an instance in a simulation that
// repeats itself: one goroutine, one seed, a clock that goes when it is told to.
//
// A [Scheduler] stands in for the event loops. It decides by its seed which
// loop takes the next step, which task runs, where one loop overtakes another
// in the middle of a task, and how the network splits, delays and loses bytes.
// A [Listener] lets simulated Network Connections in, a [Peer] is the Client's
// end of one, and a [Client] is the reference of what a Client does with its
// packets. Behind the loops there is a device that stores may be on
// ([Scheduler.Write], [Scheduler.Read]), and [Scheduler.Crash] ends everything
// but the Clients in the middle of its work. A [Recorder] keeps what happened, so that two runs can be compared.
//
// The package knows nothing of the actors themselves: the production tree runs
// on it unchanged.
package actortest
