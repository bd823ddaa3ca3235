package oracle

import "github.com/troupemq/troupe/protocol/packet"

// view is what a packet says, in a form that all three codecs can be brought
// to. A property that is empty or at its default is the same as an absent one,
// since neither oracle tells them apart.
type view struct {
	Type           packet.Type
	Dup, Retain    bool
	QoS            byte
	PacketID       uint16
	Code           byte // on the wire
	Codes          string
	SessionPresent bool
	Topic, Payload string
	Filters        []filter
	Connect        *connectView
	Properties     properties
}

type filter struct {
	Filter                     string
	QoS                        byte
	NoLocal, RetainAsPublished bool
	RetainHandling             byte
}

type connectView struct {
	Version                      byte
	Clean                        bool
	KeepAlive                    uint16
	ClientID, Username, Password string
	HasUsername, HasPassword     bool
	Will                         *willView
}

type willView struct {
	QoS            byte
	Retain         bool
	Topic, Payload string
	Properties     properties
}

// properties by identifier: a string, a uint32, a []uint32 for Subscription
// Identifiers, or pairs.
type properties map[byte]any

type pair struct{ Name, Value string }

func (p properties) number(id byte, n, byDefault uint32) {
	if n != byDefault {
		p[id] = n
	}
}

func (p properties) text(id byte, s string) {
	if s != "" {
		p[id] = s
	}
}

func (p properties) pairs(list []pair) {
	if len(list) > 0 {
		p[0x26] = list
	}
}

func (p properties) subscriptionIDs(list []uint32) {
	if len(list) > 0 {
		p[0x0B] = list
	}
}

func pairsOf(u packet.UserProperties) (list []pair) {
	for name, value := range u.All() {
		list = append(list, pair{string(name), string(value)})
	}
	return list
}

// optional marks a number whose absence differs from every value.
func optional(has bool, n uint32) uint32 {
	if !has {
		return absent
	}
	return n
}

const absent = 1<<32 - 2
