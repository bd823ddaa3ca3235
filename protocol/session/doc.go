// Package session is the state machine of one MQTT Session, for a Server, in
// the versions 3.1, 3.1.1 and 5.0: packets in, state, packets and effects out.
//
// A host makes a Session with New, hands it the CONNECT with Attach, the bytes
// of the Network Connection with Receive, the Application Messages of others
// with Deliver, and the end of the connection with Detach. Every call takes the
// time and an Output that collects what is to be done: frames to write,
// messages to route, Topic Filters to register, the connection to close. What
// comes before a Session exists, the CONNECT and the exchange of AUTH packets,
// is a Handshake.
//
// The package is pure: it opens nothing, reads no clock, starts no goroutine
// and logs nothing. It does not route either: which Sessions a message goes to
// is the host's knowledge. A Session is not safe for concurrent use.
//
// An idle Session holds its subscriptions and nothing else: windows, queues,
// tables of aliases are allocated on first use and given back by Tick.
package session
