package packet

// Pingreq asks the Server for a sign of life (section 3.12).
type Pingreq struct{}

// Pingresp answers PINGREQ (section 3.13).
type Pingresp struct{}

// Decode checks a whole frame. Errors: MalformedPacket.
func (p *Pingreq) Decode(frame []byte, v Version) error { return decodeEmpty(frame, v, TypePingreq) }

// Decode checks a whole frame. Errors: MalformedPacket.
func (p *Pingresp) Decode(frame []byte, v Version) error { return decodeEmpty(frame, v, TypePingresp) }

// Append adds the frame to dst.
func (p *Pingreq) Append(dst []byte, _ Version) []byte { return append(dst, byte(TypePingreq)<<4, 0) }

// Append adds the frame to dst.
func (p *Pingresp) Append(dst []byte, _ Version) []byte { return append(dst, byte(TypePingresp)<<4, 0) }

func decodeEmpty(frame []byte, v Version, t Type) error {
	c, err := open(frame, t, v)
	if err != nil {
		return err
	}
	return c.close()
}
