package packet

import (
	"encoding/binary"
	"iter"
)

// UserProperties are the User Properties of a packet as they are on the wire:
// identifier, name and value of each pair, in order, with nothing between. The
// order is kept end to end [MQTT-3.1.3-10] [MQTT-3.3.2-18]. Nil when there are
// none.
type UserProperties []byte

// All walks over names and values, which are views.
func (u UserProperties) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for rest := u; len(rest) > 0; {
			name, after := cut(rest[1:])
			value, next := cut(after)
			if !yield(name, value) {
				return
			}
			rest = next
		}
	}
}

// With gives u and one more pair, each side cut to 65,535 bytes. It appends like
// the builtin does: two results must not grow out of the same u.
func (u UserProperties) With(name, value string) UserProperties {
	u = appendBinary(append(u, byte(userProperty)), []byte(name))
	return appendBinary(u, []byte(value))
}

func cut(b []byte) (field, rest []byte) {
	n := 2 + int(binary.BigEndian.Uint16(b))
	return b[2:n:n], b[n:]
}

// userProperty reads a pair and adds it to what was read before. Pairs that
// follow one another on the wire, as they nearly always do, stay a view; a pair
// behind some other property makes a copy.
func (p *properties) userProperty(u UserProperties) UserProperties {
	p.text("the name of a User Property")
	p.text("the value of a User Property")
	if p.err != nil {
		return nil
	}
	if p.firstUser == nil {
		p.firstUser = p.at
	}
	// What is gathered ends where this pair begins: the view grows.
	if len(p.firstUser)-len(u) == len(p.at) {
		n := len(p.firstUser) - len(p.rest)
		return UserProperties(p.firstUser[:n:n])
	}
	return append(u, p.at[:len(p.at)-len(p.rest)]...)
}
