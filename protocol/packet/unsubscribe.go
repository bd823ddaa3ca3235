package packet

// Unsubscribe ends Subscriptions (section 3.10). The filters are UTF-8 without
// U+0000; whether they are Topic Filters is not judged.
type Unsubscribe struct {
	PacketID       uint16
	UserProperties UserProperties
	Filters        [][]byte
}

// Decode reads a whole frame; slices are views into it, but the memory of
// Filters is used again by the next Decode.
// Errors: MalformedPacket, ProtocolError.
func (p *Unsubscribe) Decode(frame []byte, v Version) error {
	*p = Unsubscribe{Filters: p.Filters[:0]}
	c, err := open(frame, TypeUnsubscribe, v)
	if err != nil {
		return err
	}
	p.PacketID = c.packetID("MQTT-2.2.1-3")
	if v.hasProperties() {
		ps := c.properties(TypeUnsubscribe, unsubscribeProperties, 0)
		for _, ok := ps.next(); ok; _, ok = ps.next() {
			p.UserProperties = ps.userProperty(p.UserProperties)
		}
		ps.done(&c)
	}
	if len(c.rest) == 0 && c.err == nil {
		return violation("MQTT-3.10.3-2", "UNSUBSCRIBE without a Topic Filter")
	}
	for len(c.rest) > 0 {
		p.Filters = append(p.Filters, c.text("a Topic Filter"))
	}
	return c.close()
}

// Append adds the frame to dst.
func (p *Unsubscribe) Append(dst []byte, v Version) []byte {
	at := len(dst) + 1
	dst = appendUint16(append(dst, byte(TypeUnsubscribe)<<4|TypeUnsubscribe.flags(), 0), p.PacketID)
	if v.hasProperties() {
		section := len(dst)
		dst = seal(append(reserve(dst), p.UserProperties...), section)
	}
	for _, f := range p.Filters {
		dst = appendBinary(dst, f)
	}
	return seal(dst, at)
}
