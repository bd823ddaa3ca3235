package persistence

import (
	"bytes"

	"github.com/troupemq/troupe/protocol/packet"
)

// AppendBody adds the value of a [PartBody] key to dst: a Run that the pages of
// several sessions refer to.
func AppendBody(dst []byte, r *packet.Run) []byte {
	return append(appendRun(append(dst, format), r, 0), r.Frames...)
}

// DecodeBody reads what AppendBody wrote. The Run shares nothing with b, and has
// the number of the body.
func DecodeBody(id uint64, b []byte) (*packet.Run, error) { return decodeBody(id, bytes.Clone(b)) }

// decodeBody makes a Run that is a view of b.
func decodeBody(id uint64, b []byte) (*packet.Run, error) {
	in := open("a shared body", b)
	r := &packet.Run{Body: packet.Known(id)}
	readRun(&in, r, 0)
	if in.err == nil && !setFrames(r, in.rest, len(b)) {
		in.fail("has no sound frames")
	}
	if in.err != nil {
		return nil, in.err
	}
	return r, nil
}
