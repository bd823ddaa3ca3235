package persistence

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

const theRecord = "a session record"

// AppendRecord adds the value of a [PartSession] key to dst.
func AppendRecord(dst []byte, r *session.Record) []byte {
	dst = append(dst, format, bit(r.Will != nil, 0), byte(r.Version))
	dst = appendBytes(dst, r.ClientID)
	dst = binary.AppendUvarint(dst, uint64(r.Expiry))
	dst = binary.AppendVarint(dst, r.EndAt)
	dst = binary.AppendVarint(dst, r.WillAt)
	if r.Will != nil {
		dst = appendWill(dst, r.Will)
	}
	return dst
}

// DecodeRecord reads what AppendRecord wrote. The Record shares nothing with b.
func DecodeRecord(b []byte) (*session.Record, error) {
	in := open(theRecord, b)
	flags := in.byte("its flags")
	if flags > 1 {
		in.fail("has the unknown flags %#b", flags)
	}
	r := &session.Record{
		Version:  packet.Version(in.byte("the version")),
		ClientID: string(in.bytes("the Client Identifier")),
		Expiry:   in.uint32("the Session Expiry Interval"),
		EndAt:    in.int("its end"),
		WillAt:   in.int("the time of the Will"),
	}
	if flags&1 != 0 {
		r.Will = readWill(&in)
	}
	if err := in.close(); err != nil {
		return nil, err
	}
	return r, nil
}

// The flags of a Will, above its QoS in two bits.
const (
	willRetain = iota + 2
	willExpiry
	willFormat
	willContentType
	willResponseTopic
	willCorrelation
)

func appendWill(dst []byte, w *packet.Will) []byte {
	dst = append(dst,
		byte(w.QoS)&0b11|bit(w.Retain, willRetain)|bit(w.HasMessageExpiry, willExpiry)|bit(w.HasPayloadFormat, willFormat)|
			bit(w.ContentType != nil, willContentType)|bit(w.ResponseTopic != nil, willResponseTopic)|
			bit(w.CorrelationData != nil, willCorrelation),
		w.PayloadFormat)
	dst = binary.AppendUvarint(dst, uint64(w.DelayInterval))
	dst = binary.AppendUvarint(dst, uint64(w.MessageExpiry))
	dst = appendBytes(appendBytes(dst, w.Topic), w.Payload)
	for _, field := range [][]byte{w.ContentType, w.ResponseTopic, w.CorrelationData} {
		if field != nil {
			dst = appendBytes(dst, field)
		}
	}
	return appendBytes(dst, []byte(w.UserProperties))
}

func readWill(in *reader) *packet.Will {
	flags := in.byte("the flags of the Will")
	w := &packet.Will{
		QoS:              packet.QoS(flags & 0b11),
		Retain:           flags&(1<<willRetain) != 0,
		HasMessageExpiry: flags&(1<<willExpiry) != 0,
		HasPayloadFormat: flags&(1<<willFormat) != 0,
		PayloadFormat:    in.byte("the Payload Format Indicator of the Will"),
		DelayInterval:    in.uint32("the Will Delay Interval"),
		MessageExpiry:    in.uint32("the Message Expiry Interval of the Will"),
		Topic:            field(in, "the Will Topic"),
		Payload:          field(in, "the Will Payload"),
	}
	if w.QoS > packet.QoS2 {
		in.fail("has a Will with QoS 3")
	}
	if flags&(1<<willContentType) != 0 {
		w.ContentType = field(in, "the Content Type of the Will")
	}
	if flags&(1<<willResponseTopic) != 0 {
		w.ResponseTopic = field(in, "the Response Topic of the Will")
	}
	if flags&(1<<willCorrelation) != 0 {
		w.CorrelationData = field(in, "the Correlation Data of the Will")
	}
	if u := in.bytes("the User Properties of the Will"); len(u) > 0 {
		if !soundUserProperties(u) {
			in.fail("has broken User Properties in the Will")
		}
		w.UserProperties = packet.UserProperties(bytes.Clone(u))
	}
	return w
}

// field reads what a packet has as a field of its own: no longer than its two
// bytes of length can say, and copied.
func field(in *reader, name string) []byte {
	b := in.bytes(name)
	if len(b) > math.MaxUint16 {
		in.fail("has %d bytes in %s", len(b), name)
	}
	return bytes.Clone(b)
}

// soundUserProperties tells whether u is pairs as they are on the wire, which
// those who read them rely on.
func soundUserProperties(u []byte) bool {
	for len(u) > 0 {
		if u[0] != 0x26 { // the identifier of a User Property, section 2.2.2.2
			return false
		}
		u = u[1:]
		for range 2 {
			if len(u) < 2 {
				return false
			}
			n := 2 + int(binary.BigEndian.Uint16(u))
			if len(u) < n {
				return false
			}
			u = u[n:]
		}
	}
	return true
}
