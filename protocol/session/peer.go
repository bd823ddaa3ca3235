package session

// Peer is the Server at the other end of a bridge. The Session of a bridge takes, towards its own Server, the place of a Client that hands
// everything on: what it sends, with the Packet Identifiers that it gave, comes to the Peer, and the Peer's answers come back. So it is as much
// the state of a Client of the Peer, and has to know which Peer that is.
type Peer struct {
	Name    string // tells one Peer from another: of each the Session remembers what was open when it was left
	Present bool   // the Peer has kept its Session (Session Present)
	// Once says that what the Peer before may have got is not sent to this one: at most once. Otherwise all that was not finally acknowledged
	// is: at least once.
	Once bool
}
