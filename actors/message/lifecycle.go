package message

// Drain asks every attached session to deliver what waits and then to tell its
// Client good-bye (0x8B). It spreads from the instance over the registries.
type Drain struct{}

// Shutdown asks every attached session to say good-bye now.
type Shutdown struct{}

// Judge asks every session whose Client is connected to ask again what it may
// subscribe to: the rules have changed.
type Judge struct{}

// Hush asks a listener to accept no more connections, and a connection to end
// if its Client has no session yet.
type Hush struct{}

// Quiesce asks a supervisor of connections to hush them, and to answer on Done,
// which has room for it, once it has none left. A listener asks all of its
// supervisors, one per event loop. A subscription of the program answers once
// nothing waits for it.
type Quiesce struct {
	Done chan<- struct{}
}
