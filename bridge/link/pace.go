package link

import "github.com/troupemq/troupe/configs"

// paceHigh is the number of bytes that wait for their turn at which the session is told to send no more with QoS 0.
const paceHigh = 64 << 10

// pace keeps messages to a rate: by two buckets, of messages and of bytes, that hold a tenth of a second's worth, and at least one message.
type pace struct {
	messages, bytes         float64 // per millisecond; 0: any number
	messageCredit, byteOwed float64
	at                      int64  // Unix ms when the credit was last brought up to date
	b                       []byte // packets that wait
	queue                   []paced
}

// paced is a packet that waits.
type paced struct {
	size int
	id   uint16 // 0: QoS 0
}

func newPace(r configs.Rate) pace {
	return pace{messages: float64(r.MessagesPerSecond) / 1000, bytes: float64(r.BytesPerSecond) / 1000, messageCredit: 1}
}

func (p *pace) on() bool                { return p.messages > 0 || p.bytes > 0 }
func (p *pace) waiting() bool           { return len(p.queue) > 0 }
func (p *pace) full() bool              { return len(p.b) >= paceHigh }
func (p *pace) add(size int, id uint16) { p.queue = append(p.queue, paced{size, id}) }

// renew brings the credit up to date.
func (p *pace) renew(now int64) {
	passed := float64(now - p.at)
	p.at = now
	if p.messages > 0 {
		p.messageCredit = min(max(1, 100*p.messages), p.messageCredit+passed*p.messages)
	}
	if p.bytes > 0 {
		p.byteOwed = max(-100*p.bytes, p.byteOwed-passed*p.bytes)
	}
}

// ready tells whether the next message may go.
func (p *pace) ready() bool {
	return len(p.queue) > 0 && (p.messages == 0 || p.messageCredit >= 1) && (p.bytes == 0 || p.byteOwed <= 0)
}

// due is when the next message may go, 0: none waits.
func (p *pace) due(now int64) int64 {
	if len(p.queue) == 0 {
		return 0
	}
	wait := 0.0
	if p.messages > 0 && p.messageCredit < 1 {
		wait = (1 - p.messageCredit) / p.messages
	}
	if p.bytes > 0 && p.byteOwed > 0 {
		wait = max(wait, p.byteOwed/p.bytes)
	}
	return now + int64(wait) + 1
}

// pay lets go what may.
func (l *Link) pay() {
	p := &l.pace
	p.renew(l.now())
	n, size := 0, 0
	for ; p.ready(); n++ {
		next := p.queue[0]
		p.queue = p.queue[1:]
		p.messageCredit--
		p.byteOwed += float64(next.size)
		size += next.size
		l.open.written(next.id, p.at)
	}
	if n == 0 {
		return
	}
	l.out.b = append(l.out.b, p.b[:size]...)
	p.b = p.b[:copy(p.b, p.b[size:])]
	if len(p.queue) == 0 {
		p.queue = nil
	}
}

// forget drops what waits: the session has it still, but for what has QoS 0.
func (l *Link) forget() {
	for _, p := range l.pace.queue {
		if p.id == 0 {
			l.o.Figures.DroppedCongested.Add(1)
		}
		delete(l.open.out, p.id)
	}
	l.pace.queue, l.pace.b = nil, nil
}

// release lets all go that waits, which is a window at most.
func (l *Link) release() {
	for _, p := range l.pace.queue {
		l.open.written(p.id, l.now())
	}
	l.out.b = append(l.out.b, l.pace.b...)
	l.pace.queue, l.pace.b = nil, nil
}
