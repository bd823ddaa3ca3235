package persistence

import (
	"encoding/binary"

	"github.com/troupemq/troupe/protocol/packet"
)

// AppendRetained adds the value of a [PartRetained] key to dst: the one frame of
// a retained message, its version, and the Unix ms at which it expires, 0: never.
func AppendRetained(dst []byte, frame []byte, version packet.Version, deadline int64) []byte {
	dst = binary.AppendVarint(append(dst, format, byte(version)), deadline)
	return append(dst, frame...)
}

// DecodeRetained reads what AppendRetained wrote. frame is a view of b.
func DecodeRetained(b []byte) (frame []byte, version packet.Version, deadline int64, err error) {
	in := open("a retained message", b)
	version = readVersion(&in, in.byte("the version"))
	deadline = in.int("its deadline")
	if in.err != nil {
		return nil, 0, 0, in.err
	}
	frame = in.rest
	if f := partsOf(frame, version); f.size == 0 || f.size != len(frame) {
		return nil, 0, 0, corrupt(in.what, "is no whole PUBLISH packet")
	}
	return frame[:len(frame):len(frame)], version, deadline, nil
}

// readVersion takes a version of the protocol that frames can have.
func readVersion(in *reader, v byte) packet.Version {
	if v := packet.Version(v); v < packet.V31 || v > packet.V5 {
		in.fail("has frames of version %d", v)
	}
	return packet.Version(v)
}
