package session

import "github.com/troupemq/troupe/protocol/packet"

// Stored is what a store keeps of frames that wait for a Client or are in flight to it: QoS 1 and 2.
type Stored struct {
	Run    *packet.Run
	Terms  *Terms
	At     int64  // Unix ms when the Session got it
	Seq    uint64 // of the first frame: each frame of QoS 1 and 2 that a Session gets has a number of its own, in their order
	Offset uint32 // of the first frame in Run
	End    uint32 // behind the last
	Count  uint32 // frames
}

// Page is what a Session got between two writes, in the order of Seq. It is written once and never changed, and removed
// when none of it is needed.
type Page []Stored

// Head is what changes of a Session with every message. With the pages it says what is still to be done: frames from Queue on wait, of
// those before only the ones in Inflight are needed.
type Head struct {
	Next     uint64     // Seq of the next frame
	Queue    uint64     // Seq of the first frame that waits
	NextID   uint16     // the Packet Identifier of the next message
	Messages int        // that wait
	Bytes    int64      // of their frames
	Lapse    int64      // Unix ms from which the oldest page that waits may be dropped in whole; 0: it may not
	Inflight []Inflight // messages to the Client, in the order they were sent
	Received []uint16   // Packet Identifiers of the Client's QoS 2 messages that it has not released

	// Of the Session of a bridge alone.
	Since int64      // Unix ms since when the oldest of those that wait has waited; 0: not known
	Peer  string     // whose the Packet Identifiers are
	Left  []Leftover // what was open at others
}

// Inflight is a message in flight to the Client.
type Inflight struct {
	ID   uint16
	Step uint8  // 1: waits for PUBACK, 2: for PUBREC, 3: for PUBCOMP, and Seq is 0 but for the Session of a bridge
	Seq  uint64 // of its frame
}

// Record is what seldom changes of a Session. EndAt is 0 while a Client is connected, and so is WillAt.
type Record struct {
	ClientID string
	Version  packet.Version
	Expiry   uint32       // Session Expiry Interval in force, seconds
	EndAt    int64        // Unix ms when it expires; 0: never, or not while attached
	Will     *packet.Will // to be published; nil: none
	WillAt   int64        // Unix ms when the delayed Will is due; 0: it is not waiting
}
