package persistence

import (
	"encoding/binary"
	"math"

	"github.com/troupemq/troupe/protocol/session"
)

// A message in flight is a byte that says what it waits for, and what of it is
// not as one would guess: the Packet Identifier and the number of the frame are
// mostly one more than those of the message before.
const (
	inflightStep    = 0b0000_0011
	inflightID      = 0b0000_0100 // the Packet Identifier follows, as a difference
	inflightSeq     = 0b0000_1000 // the number follows, as a difference
	inflightNoSeq   = 0b0001_0000 // the number is 0
	inflightUnknown = 0b1110_0000
)

// AppendHead adds the value of a [PartHead] key to dst.
func AppendHead(dst []byte, h *session.Head) []byte {
	dst = append(dst, format)
	dst = binary.AppendUvarint(dst, h.Next)
	dst = binary.AppendUvarint(dst, h.Next-h.Queue)
	dst = binary.AppendUvarint(dst, uint64(h.NextID))
	dst = binary.AppendVarint(dst, int64(h.Messages))
	dst = binary.AppendVarint(dst, h.Bytes)
	dst = binary.AppendVarint(dst, h.Lapse)
	dst = binary.AppendUvarint(dst, uint64(len(h.Inflight)))
	id, seq := uint16(0), uint64(0)
	for _, f := range h.Inflight {
		at := len(dst)
		dst = append(dst, f.Step&inflightStep)
		if f.ID != nextID(id) {
			dst[at] |= inflightID
			dst = binary.AppendVarint(dst, int64(int16(f.ID-id)))
		}
		switch f.Seq {
		case 0:
			dst[at] |= inflightNoSeq
		case seq + 1:
			seq = f.Seq
		default:
			dst[at] |= inflightSeq
			dst = binary.AppendVarint(dst, int64(f.Seq-seq))
			seq = f.Seq
		}
		id = f.ID
	}
	dst = appendIDs(dst, h.Received)
	if h.Since != 0 || h.Peer != "" || len(h.Left) > 0 {
		dst = appendBridge(dst, h)
	}
	return dst
}

// appendBridge adds what only the Session of a bridge has.
func appendBridge(dst []byte, h *session.Head) []byte {
	dst = binary.AppendVarint(dst, h.Since)
	dst = appendBytes(dst, h.Peer)
	dst = binary.AppendUvarint(dst, uint64(len(h.Left)))
	for _, l := range h.Left {
		dst = appendBytes(dst, l.Peer)
		dst = binary.AppendUvarint(dst, uint64(len(l.Sent)))
		for _, f := range l.Sent {
			dst = binary.AppendUvarint(append(dst, f.Step, byte(f.ID>>8), byte(f.ID)), f.Seq)
		}
		dst = appendIDs(dst, l.Received)
	}
	return dst
}

func appendIDs(dst []byte, ids []uint16) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(ids)))
	last := uint16(0)
	for _, id := range ids {
		dst = binary.AppendVarint(dst, int64(int16(id-last)))
		last = id
	}
	return dst
}

// DecodeHead reads what AppendHead wrote. The Head shares nothing with b.
func DecodeHead(b []byte) (*session.Head, error) {
	in := open("a session head", b)
	h := &session.Head{Next: in.uint64("the next number")}
	h.Queue = h.Next - in.uint64("the first number that waits")
	h.NextID = uint16(in.uint("the next Packet Identifier", math.MaxUint16))
	messages := in.int("the messages that wait")
	if h.Messages = int(messages); int64(h.Messages) != messages {
		in.fail("has %d messages that wait", messages)
	}
	h.Bytes = in.int("the bytes that wait")
	h.Lapse = in.int("the time of its lapse")
	if n := in.count("the messages in flight", 1); n > 0 {
		h.Inflight = make([]session.Inflight, n)
	}
	readInflight(&in, h.Inflight)
	h.Received = readIDs(&in, "the Packet Identifiers received")
	if len(in.rest) > 0 {
		readBridge(&in, h)
	}
	if err := in.close(); err != nil {
		return nil, err
	}
	return h, nil
}

func readBridge(in *reader, h *session.Head) {
	h.Since = in.int("since when messages wait")
	h.Peer = string(in.bytes("the peer"))
	if n := in.count("the peers that were left", 3); n > 0 {
		h.Left = make([]session.Leftover, n)
	}
	for i := range h.Left {
		l := &h.Left[i]
		l.Peer = string(in.bytes("a peer that was left"))
		if n := in.count("the messages sent to it", 4); n > 0 {
			l.Sent = make([]session.Inflight, n)
		}
		for i := range l.Sent {
			const field = "a message sent to it"
			l.Sent[i] = session.Inflight{Step: in.byte(field), ID: uint16(in.byte(field))<<8 | uint16(in.byte(field)), Seq: in.uint64(field)}
		}
		l.Received = readIDs(in, "the Packet Identifiers received from it")
	}
}

func readIDs(in *reader, field string) (ids []uint16) {
	if n := in.count(field, 1); n > 0 {
		ids = make([]uint16, n)
	}
	last := uint16(0)
	for i := range ids {
		last += readID(in)
		ids[i] = last
	}
	return ids
}

func readInflight(in *reader, inflight []session.Inflight) {
	id, seq := uint16(0), uint64(0)
	for i := range inflight {
		flags := in.byte("the messages in flight")
		f := &inflight[i]
		f.Step = flags & inflightStep
		if f.Step == 0 || flags&inflightUnknown != 0 || flags&inflightSeq != 0 && flags&inflightNoSeq != 0 {
			in.fail("has a message in flight with the unknown flags %#b", flags)
			return
		}
		if flags&inflightID == 0 {
			f.ID = nextID(id)
		} else {
			f.ID = id + readID(in)
		}
		id = f.ID
		switch {
		case flags&inflightNoSeq != 0:
			continue
		case flags&inflightSeq == 0:
			seq++
		default:
			seq += uint64(in.int("the number of a message in flight"))
		}
		f.Seq = seq
	}
}

// readID reads a difference of Packet Identifiers, which wrap around.
func readID(in *reader) uint16 {
	d := in.int("a Packet Identifier")
	if d < math.MinInt16 || d > math.MaxInt16 {
		in.fail("has a Packet Identifier %d after another", d)
	}
	return uint16(d)
}

// nextID is the Packet Identifier that is given after another: they go in a
// circle of 1 to 65,535.
func nextID(id uint16) uint16 { return max(1, id+1) }
