package troupetest

import (
	"bufio"
	"net"
	"sync"
	"time"

	"github.com/troupemq/troupe/protocol/packet"
)

const (
	// ahead is how many packets are read that were not handed on, each way.
	ahead = 64
	// farewell is how long a Client has to take the last packets once the broker has
	// closed the connection.
	farewell = time.Second
)

// accept takes connections and hands them to the broker, if one runs.
func (b *Broker) accept() {
	for {
		conn, err := b.socket.Accept()
		if err != nil {
			return
		}
		ours, theirs := net.Pipe()
		l := &link{b: b, client: conn.(*net.TCPConn), broker: ours, closed: make(chan struct{}), word: make(chan struct{}, 1), wanted: make(map[uint16][]string)}
		b.mu.Lock()
		door := b.door
		if b.refusing > 0 {
			door = nil
		}
		if door != nil {
			b.links[l] = struct{}{}
		}
		b.mu.Unlock()
		if door == nil {
			reset(l.client)
			continue
		}
		if !door.enter(end{theirs, conn}) {
			l.cut()
			continue
		}
		b.front.Go(func() { l.carry(l.client, l.broker, true) })
		b.front.Go(func() { l.carry(l.broker, l.client, false) })
	}
}

// link is the connection of one Client, packet by packet.
type link struct {
	b      *Broker
	client *net.TCPConn
	broker net.Conn
	closed chan struct{}
	once   sync.Once
	word   chan struct{} // held while an answer is noted and written

	// Of the Broker's mutex.
	about     Client              // what CONNECT and CONNACK said
	connected bool                // CONNACK let it in
	wanted    map[uint16][]string // filters of SUBSCRIBE and UNSUBSCRIBE that were not answered
}

// parcel is a packet on its way.
type parcel struct {
	frame []byte
	raw   bool // it is no packet
	at    time.Time
}

// carry hands on what comes one way, until either end is closed.
func (l *link) carry(from, to net.Conn, up bool) {
	parcels := make(chan parcel, ahead)
	l.b.front.Go(func() { l.deliver(parcels, to, up) })
	defer close(parcels)
	in := bufio.NewReader(from)
	for {
		p := parcel{}
		var err error
		if p.frame, err = readPacket(in); err != nil {
			p.frame, p.raw = drain(in), true // the broker has to judge it
		}
		if len(p.frame) == 0 {
			return
		}
		p.at = time.Now()
		select {
		case parcels <- p:
		case <-l.closed:
			return
		}
	}
}

// readPacket reads one packet.
func readPacket(in *bufio.Reader) ([]byte, error) {
	for n := 2; ; n++ {
		b, err := in.Peek(n)
		if err != nil {
			return nil, err
		}
		h, ok, err := packet.ReadHeader(b, 0)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		frame := make([]byte, h.FrameSize())
		for at := 0; at < len(frame); {
			n, err := in.Read(frame[at:])
			if at += n; err != nil {
				return nil, err
			}
		}
		return frame, nil
	}
}

// drain reads what there is of bytes that are no packet.
func drain(in *bufio.Reader) []byte {
	if in.Buffered() == 0 {
		if _, err := in.Peek(1); err != nil {
			return nil
		}
	}
	some, _ := in.Peek(in.Buffered())
	some = append([]byte(nil), some...)
	_, _ = in.Discard(len(some))
	return some
}

// deliver judges packets and hands them on, and closes the link after the last.
func (l *link) deliver(parcels <-chan parcel, to net.Conn, up bool) {
	for p := range parcels {
		if !l.pass(p, to, up) {
			l.cut()
			break
		}
	}
	for range parcels { // who reads must not be held
	}
	l.leave()
}

// pass hands one packet on as the rules want it; false: the link is to be cut.
func (l *link) pass(p parcel, to net.Conn, up bool) bool {
	if p.raw {
		_, err := to.Write(p.frame)
		return err == nil
	}
	if up {
		l.asked(p.frame)
	}
	v := l.b.judge(l, p, up)
	switch {
	case v.Cut, !l.hold(v, p):
		return false
	case v.Connack.IsError() && up && packet.Type(p.frame[0]>>4) == packet.TypeConnect:
		l.refuse(v.Connack)
		return false
	case v.Drop:
		return true
	}
	if !up && answers(p.frame) {
		return l.answer(p.frame)
	}
	_, err := to.Write(p.frame)
	return err == nil
}

// answer notes what the broker grants before the Client knows it; a Cut that comes
// when it is noted comes when the Client has it.
func (l *link) answer(frame []byte) bool {
	select {
	case l.word <- struct{}{}:
	case <-l.closed:
		return false
	}
	l.b.change(func() { l.granted(frame) })
	_, err := l.client.Write(frame)
	<-l.word
	return err == nil
}

// hold waits as long as v wants; false: the link was closed meanwhile.
func (l *link) hold(v Verdict, p parcel) bool {
	for _, hold := range v.holds {
		select {
		case <-hold:
		case <-l.closed:
			return false
		}
	}
	wait := time.Until(p.at.Add(v.Delay))
	if v.BytesPerSecond > 0 {
		wait = max(wait, 0) + time.Duration(len(p.frame))*time.Second/time.Duration(v.BytesPerSecond)
	}
	if wait <= 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.closed:
		return false
	}
}

// refuse answers CONNECT in the place of the broker.
func (l *link) refuse(code packet.ReasonCode) {
	l.b.mu.Lock()
	version := l.about.Version
	l.b.mu.Unlock()
	_, _ = l.client.Write((&packet.Connack{Code: code}).Append(nil, version))
	_ = l.client.CloseWrite()
	l.once.Do(func() { l.gone(func() { _ = l.client.Close() }) })
}

// cut closes the link at once; the Client sees a reset.
func (l *link) cut() {
	l.once.Do(func() {
		timer := time.NewTimer(farewell)
		defer timer.Stop()
		select {
		case l.word <- struct{}{}:
		case <-timer.C: // the Client does not read
		}
		l.gone(func() { reset(l.client) })
	})
}

// leave closes the link after what was handed on.
func (l *link) leave() {
	l.once.Do(func() {
		l.gone(func() {
			_ = l.client.SetWriteDeadline(time.Now().Add(farewell))
			_ = l.client.Close()
		})
	})
}

func (l *link) gone(shut func()) {
	close(l.closed)
	shut()
	_ = l.broker.Close()
	l.b.change(func() { delete(l.b.links, l) })
}

// reset closes a connection so that nothing that waits is sent any more.
func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0)
	_ = conn.Close()
}
