package link

import (
	"errors"
	"io"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/internal/eventloop"
	"github.com/troupemq/troupe/protocol/packet"
)

const (
	// earlyMost bounds the bytes that an upstream sends before the link carries; then it is not read from.
	earlyMost = 64 << 10
	// outputKept is the largest buffer that stays for the next output, in bytes.
	outputKept = 256 << 10
	// outputHigh is the number of bytes waiting to be written at which the upstream is not read from any more.
	outputHigh = 256 << 10
)

// input is what has come and is not handed on.
type input struct {
	partial []byte // the beginning of a packet
	size    int    // of that packet in bytes; 0: not known
	early   []byte // packets for the session, before it serves the link
	frames  []byte // of one read, for the session
}

// output is what is to be written.
type output struct {
	b         []byte // and has not been
	congested bool   // the session knows
}

func (l *Link) events(e eventloop.Events) {
	if l.phase == over {
		return
	}
	if e&eventloop.Writable != 0 {
		l.flush()
	}
	if e&eventloop.Readable != 0 && l.phase != over {
		l.read()
	}
	if e&eventloop.Hangup != 0 && e&eventloop.Readable == 0 && l.phase != over {
		l.end(errClosed)
	}
}

// idle tells whether the upstream is not read from because nobody takes what it says.
func (l *Link) idle() bool { return l.held || l.waits || len(l.in.early) >= earlyMost }

// deaf tells whether the upstream is not read from, for that or because it does not take the answers.
func (l *Link) deaf() bool { return l.idle() || len(l.out.b) >= outputHigh }

func (l *Link) interest() {
	if l.phase != over && l.stream != nil {
		l.stream.Interest(!l.deaf(), len(l.out.b) > 0)
	}
}

// read takes what the socket has, at most this turn's share.
func (l *Link) read() {
	if l.deaf() {
		l.interest()
		return
	}
	most := l.loop.ReadBudget()
	if r := l.env.Rate; l.phase == carrying && r.On() {
		if !r.May(l.now()) {
			l.wait()
			return
		}
		most = min(most, r.Bytes(l.now()))
	}
	l.readMost(most)
}

// readMost takes so many bytes of what the socket has.
func (l *Link) readMost(most int) {
	stream := l.stream
	buffer := l.loop.Scratch()
	var n int
	var err error
	if have := len(l.in.partial); have < len(buffer)/2 {
		have = copy(buffer, l.in.partial)
		n, err = stream.Read(buffer[have:min(len(buffer), have+most)])
		if n > 0 {
			l.in.partial = l.in.partial[:0]
			l.consume(buffer[:have+n])
		}
	} else { // a large packet: the buffer grows as bytes come, not as the length promises
		if cap(l.in.partial) == have {
			l.in.partial = append(make([]byte, 0, min(l.in.size, 4*have)), l.in.partial...)
		}
		room := min(cap(l.in.partial), l.in.size) - have
		n, err = stream.Read(l.in.partial[have : have+min(room, most)])
		if b := l.in.partial[:have+max(n, 0)]; len(b) < l.in.size {
			l.in.partial = b
		} else {
			l.in.partial = nil
			l.consume(b)
		}
	}
	if n > 0 {
		l.o.Figures.BytesIn.Add(int64(n))
		l.took(0, n)
		l.health.heard(l.now())
	}
	switch {
	case err == nil || l.phase == over || l.stream != stream || errors.Is(err, eventloop.ErrAgain):
	case errors.Is(err, io.EOF):
		l.end(errClosed)
	default:
		l.end(err)
	}
}

// consume takes the whole packets of b and keeps what is left of it.
func (l *Link) consume(b []byte) {
	stream := l.stream
	at := 0
	l.in.size = 0
	for at < len(b) {
		h, ok, err := packet.ReadHeader(b[at:], l.env.Limits.MaxPacketSize)
		if err != nil {
			l.end(err)
			return
		}
		if !ok {
			break
		}
		if at+h.FrameSize() > len(b) {
			l.in.size = h.FrameSize()
			break
		}
		frame := b[at : at+h.FrameSize()]
		at += len(frame)
		if err := l.packet(h.Type, frame); err != nil {
			l.end(err)
			return
		}
		if l.phase == over || l.stream != stream {
			return
		}
	}
	l.in.partial = append(l.in.partial[:0], b[at:]...)
	if len(l.in.partial) == 0 && cap(l.in.partial) > outputKept {
		l.in.partial = nil
	}
	l.handOver()
	l.flush()
	l.left()
	l.arm()
}

// handOver gives the session what one read has brought.
func (l *Link) handOver() {
	if len(l.in.frames) == 0 {
		return
	}
	if l.session != nil {
		l.root.Send(l.session, message.NewFrames(l.epoch, l.in.frames))
	} else {
		l.in.early = append(l.in.early, l.in.frames...)
	}
	l.in.frames = l.in.frames[:0]
	if cap(l.in.frames) > outputKept {
		l.in.frames = nil
	}
}

// take hands on what came before the session served the link.
func (l *Link) take(early []byte) {
	l.root.Send(l.session, message.NewFrames(l.epoch, early))
}

// flush writes what there is, as far as the socket takes it.
func (l *Link) flush() {
	if l.phase == over && l.stream == nil {
		return
	}
	for len(l.out.b) > 0 && l.stream != nil {
		n, err := l.stream.Write(l.out.b)
		if n > 0 {
			l.o.Figures.BytesOut.Add(int64(n))
			l.health.wrote(l.now(), n == len(l.out.b))
		}
		l.out.b = l.out.b[:copy(l.out.b, l.out.b[n:])]
		if err != nil {
			if !errors.Is(err, eventloop.ErrAgain) {
				l.end(err)
				return
			}
			break
		}
	}
	if len(l.out.b) == 0 && cap(l.out.b) > outputKept {
		l.out.b = nil
	}
	l.congest()
	l.interest()
}

// congest tells the session whether the upstream keeps up.
func (l *Link) congest() {
	on := len(l.out.b) > 0 || l.pace.full()
	if l.session == nil || on == l.out.congested || l.phase == leaving {
		return
	}
	l.out.congested = on
	l.root.Send(l.session, &message.Congestion{Epoch: l.epoch, On: on})
}
