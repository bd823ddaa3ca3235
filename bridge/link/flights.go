package link

import "github.com/troupemq/troupe/protocol/packet"

// flights is what is open on this link, by Packet Identifier.
type flights struct {
	out           map[uint16]flight   // messages of the session that the upstream has not finally acknowledged
	in            map[uint16]struct{} // messages of the upstream that the session has not
	swallowed     map[uint16]struct{} // messages of the session for which the link answers PUBREL
	dropped       map[uint16]struct{} // messages of the upstream likewise
	unsubscribing bool
}

// flight is a message on its way to the upstream.
type flight struct {
	at      int64 // Unix ms when it was written
	lowered bool  // with QoS 1, in place of 2
}

// any tells whether something is open. What the link answers itself is, until the other side has come to its end too.
func (f *flights) any() bool { return len(f.out)+len(f.in)+len(f.swallowed)+len(f.dropped) > 0 }

// send notes what is written. PUBREL of an earlier connection comes without its message.
func (f *flights) send(id uint16, now int64, lowered bool) {
	if f.out == nil {
		f.out = make(map[uint16]flight)
	}
	f.out[id] = flight{now, lowered}
}

// written notes when a message has left.
func (f *flights) written(id uint16, now int64) {
	if was, ok := f.out[id]; ok {
		was.at = now
		f.out[id] = was
	}
}

// outcome is what an acknowledgement means to the session.
type outcome uint8

const (
	asItIs outcome = iota
	lowered
	unknown
)

// answered takes an acknowledgement of the upstream.
func (f *flights) answered(t packet.Type, id uint16, code packet.ReasonCode) outcome {
	was, ok := f.out[id]
	switch {
	case !ok:
		return unknown
	case t == packet.TypePubrec && !code.IsError():
		return asItIs // PUBREL follows
	}
	delete(f.out, id)
	if was.lowered {
		if !code.IsError() {
			f.own(id)
		}
		return lowered
	}
	return asItIs
}

// oldest is when the message was written that has been open longest; 0: none is.
func (f *flights) oldest() int64 {
	oldest := int64(0)
	for _, flight := range f.out {
		if oldest == 0 || flight.at < oldest {
			oldest = flight.at
		}
	}
	return oldest
}

func (f *flights) receive(id uint16) { put(&f.in, id) }
func (f *flights) done(id uint16)    { delete(f.in, id) }
func (f *flights) own(id uint16)     { put(&f.swallowed, id) }
func (f *flights) ours(id uint16)    { put(&f.dropped, id) }

func (f *flights) takeOwn(id uint16) bool  { return take(f.swallowed, id) }
func (f *flights) takeOurs(id uint16) bool { return take(f.dropped, id) }

func put(set *map[uint16]struct{}, id uint16) {
	if *set == nil {
		*set = make(map[uint16]struct{})
	}
	(*set)[id] = struct{}{}
}

func take(set map[uint16]struct{}, id uint16) bool {
	_, ok := set[id]
	delete(set, id)
	return ok
}
