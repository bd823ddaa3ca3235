// Package message holds what the actors of an instance say to one another:
// plain structs, one file per conversation. It is the only package that every
// actor imports; actors never import one another and get the PIDs they talk to
// when they are built.
//
// A message belongs to its receiver once it is sent, except what it points to
// and says is shared: a [packet.Run] and a [session.Terms] are immutable and
// may be read by any number of actors at once.
//
// It is not a wire format and holds no behaviour beyond small constructors.
package message
