package nullbroker

import (
	"errors"

	"github.com/troupemq/troupe/protocol/packet"
)

// frameMax bounds a frame, and with it what one connection can make the process keep.
const frameMax = 64 << 20

var errMalformed = errors.New("malformed frame")

// forwarded are the packet types that go from one side to the other, as bits.
const forwarded = 1<<packet.TypePublish | 1<<packet.TypePuback | 1<<packet.TypePubrec | 1<<packet.TypePubrel | 1<<packet.TypePubcomp

// run is the length of the whole frames to forward that b begins with.
func run(b []byte) int {
	at := 0
	for len(b)-at >= 2 && forwarded>>(b[at]>>4)&1 != 0 {
		size := int(b[at+1])
		switch {
		case size < 0x80:
			size += 2
		case len(b)-at >= 3 && b[at+2] < 0x80: // up to 16 KiB
			size = size&0x7f | int(b[at+2])<<7
			size += 3
		default:
			n, err := frameSize(b[at:])
			if err != nil || n == 0 {
				return at
			}
			size = n
		}
		if size > len(b)-at {
			return at
		}
		at += size
	}
	return at
}

// frameSize is the length of the frame that b begins with, header and all; 0 as long as b does not tell.
func frameSize(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if t := packet.Type(b[0] >> 4); t < packet.TypeConnect || t > packet.TypeAuth {
		return 0, errMalformed
	}
	size := 0
	for i := 1; i < len(b); i++ {
		size |= int(b[i]&0x7f) << (7 * (i - 1))
		if b[i] < 0x80 {
			if size += i + 1; size > frameMax {
				return 0, errMalformed
			}
			return size, nil
		}
		if i == 4 {
			return 0, errMalformed
		}
	}
	return 0, nil
}
