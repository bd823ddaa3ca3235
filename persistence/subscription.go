package persistence

import (
	"encoding/binary"
	"strings"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// SubscriptionKey is the key of a Subscription of a session. Filter is as the
// Client gave it, with `$share/name/` when it is shared.
func SubscriptionKey(sid uint64, filter string) []byte {
	key := make([]byte, 0, 9+len(filter))
	key = binary.BigEndian.AppendUint64(append(key, byte(PartSubscription)), sid)
	return append(key, filter...)
}

// AppendSubscription adds the value of a [SubscriptionKey] to dst.
func AppendSubscription(dst []byte, s *session.Subscription) []byte {
	o := &s.Options
	dst = append(dst, format, byte(o.QoS)&0b11|bit(o.NoLocal, 2)|bit(o.RetainAsPublished, 3)|o.RetainHandling&0b11<<4|byte(s.Raise)&0b11<<6)
	if s.ID != 0 {
		dst = binary.AppendUvarint(dst, uint64(s.ID))
	}
	return dst
}

// DecodeSubscription reads what AppendSubscription wrote. What else there is of
// a Subscription follows from its Topic Filter.
func DecodeSubscription(filter string, b []byte) (session.Subscription, error) {
	in := open("a subscription", b)
	o := in.byte("its options")
	if o&0b11 == 0b11 || o>>6 == 0b11 {
		in.fail("has the unknown options %#b", o)
	}
	s := session.Subscription{
		Filter: filter,
		Options: packet.SubscriptionOptions{
			QoS: packet.QoS(o & 0b11), NoLocal: o&0b100 != 0, RetainAsPublished: o&0b1000 != 0, RetainHandling: o >> 4 & 0b11,
		},
		Shared: strings.HasPrefix(filter, "$share/"),
		Raise:  packet.QoS(o >> 6),
	}
	if len(in.rest) > 0 {
		s.ID = in.uint32("the Subscription Identifier")
	}
	if err := in.close(); err != nil {
		return session.Subscription{}, err
	}
	return s, nil
}
