package session_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// world is two peers that each get everything that both publish, and the broker between them.
type world struct {
	t      *rapid.T
	now    int64
	limits session.Limits
	peers  []*peer
	routes []route // messages that are not yet routed
	all    []string
}

type route struct {
	from *peer
	run  *packet.Run
}

func newWorld(t *rapid.T) *world {
	w := &world{t: t, now: 1000}
	w.limits = session.Limits{
		ReceiveMaximum: quota, MaxInflight: uint16(rapid.IntRange(1, 20).Draw(t, "max-inflight")),
		TopicAliasMaximum: 2, MaxQoS: packet.QoS2, RetainAvailable: true, ExpiryMaximum: session.NoExpiry,
		Queue: session.QueueLimits{QoS0Bytes: 100},
	}
	for _, name := range []string{"a", "b"} {
		p := &peer{t: t, name: name, s: session.New(name, &w.limits), received: make(map[uint16]bool), got: make(map[string]int), fates: make(fates)}
		p.lose()
		w.peers = append(w.peers, p)
		w.connect(p)
	}
	return w
}

var everything = [3]*session.Terms{{QoS: packet.QoS2}, {QoS: packet.QoS2, IDs: []uint32{7}}, {QoS: packet.QoS2}}

// do calls the Session of a peer and keeps what comes out.
func (w *world) do(p *peer, call func(s *session.Session, out *session.Output)) {
	out := session.Output{Watch: session.Delivered | session.Acknowledged | session.Dropped}
	call(p.s, &out)
	p.fates.note(&out)
	if p.online {
		p.down = append(p.down, out.Packets...)
	}
	for _, run := range out.Publish {
		w.routes = append(w.routes, route{p, run})
	}
	if out.Close != nil && out.Close.Code != packet.SessionTakenOver || out.Ended || out.Counts.DroppedBroken > 0 {
		w.t.Fatalf("%s: %+v %+v", p.name, out.Close, out.Counts)
	}
	if n := p.s.Next(); n != 0 && n < w.now-5000 {
		w.t.Fatalf("%s: Tick is wanted in the past", p.name)
	}
}

// connect attaches a peer, as a takeover if it is still connected.
func (w *world) connect(p *peer) {
	if p.s.Attached() {
		w.do(p, func(s *session.Session, out *session.Output) { s.Disconnect(packet.SessionTakenOver, w.now, out) })
	}
	w.cut(p)
	version := rapid.SampledFrom([]packet.Version{packet.V31, packet.V311, packet.V5}).Draw(w.t, "version")
	c := &packet.Connect{Version: version, ClientID: []byte(p.name), CleanStart: false}
	p.version, p.maximum = version, 65535
	if version == packet.V5 {
		c.HasSessionExpiry, c.SessionExpiry = true, session.NoExpiry
		c.ReceiveMaximum = uint16(rapid.IntRange(1, 8).Draw(w.t, "receive-maximum"))
		c.TopicAliasMaximum = uint16(rapid.IntRange(0, 2).Draw(w.t, "aliases"))
		p.maximum = int(c.ReceiveMaximum)
	}
	p.present = p.known && version != packet.V31 // which cannot tell
	p.known, p.online = true, true
	w.do(p, func(s *session.Session, out *session.Output) { s.Attach(c, session.Attachment{}, w.now, out) })
}

// cut ends the connection on both sides.
func (w *world) cut(p *peer) {
	p.lose()
	w.do(p, func(s *session.Session, out *session.Output) { s.Detach(w.now, out) })
}

// up lets n bytes reach the Server, which looks at whole frames.
func (w *world) up(p *peer, n int) {
	end := whole(p.up, n)
	frames := p.up[:end:end]
	p.up = p.up[end:]
	if end > 0 && p.online {
		frames = append([]byte(nil), frames...)
		w.do(p, func(s *session.Session, out *session.Output) { s.Receive(frames, w.now, out) })
	}
}

// down lets n bytes reach the Client.
func (w *world) down(p *peer, n int) {
	end := whole(p.down, n)
	frames := p.down[:end:end]
	p.down = p.down[end:]
	for len(frames) > 0 && p.online {
		h, _, _ := packet.ReadHeader(frames, 0)
		p.take(frames[:h.FrameSize()])
		frames = frames[h.FrameSize():]
	}
}

// whole is how many of the first n bytes are whole frames.
func whole(b []byte, n int) int {
	end := 0
	for {
		h, ok, _ := packet.ReadHeader(b[end:], 0)
		if !ok || end+h.FrameSize() > min(n, len(b)) {
			return end
		}
		end += h.FrameSize()
	}
}

// route routes the oldest n messages.
func (w *world) route(n int) {
	for range min(n, len(w.routes)) {
		r := w.routes[0]
		w.routes = w.routes[1:]
		for i, p := range w.peers {
			w.do(p, func(s *session.Session, out *session.Output) { s.Deliver(r.run, everything[i], w.now, out) })
		}
		w.do(r.from, func(s *session.Session, out *session.Output) { s.Acknowledge(r.run, packet.Success, out) })
	}
}

// settle lets everything that is open come to its end.
func (w *world) settle() {
	for _, p := range w.peers {
		w.connect(p)
	}
	for range 10_000 {
		busy := len(w.routes) > 0
		w.route(len(w.routes))
		for _, p := range w.peers {
			busy = busy || len(p.up)+len(p.down)+len(p.answers)+len(p.sending) > 0
			w.down(p, len(p.down))
			p.acknowledge(len(p.answers))
			w.up(p, len(p.up))
		}
		if !busy {
			return
		}
	}
	w.t.Fatal("does not come to an end")
}

// check holds what arrived against what was published.
func (w *world) check() {
	for _, p := range w.peers {
		order := make(map[string]int) // by publisher, topic and QoS
		place := make(map[string]int)
		p.fates.check(w.t, p.name, w.all)
		for i, text := range p.log {
			place[text] = i
		}
		for _, text := range w.all {
			var from, topic string
			var qos, n int
			_, _ = fmt.Sscanf(text, "%s %s %d %d", &from, &topic, &qos, &n)
			got := p.got[text]
			switch {
			case qos == 0 && got > 1, qos == 1 && got < 1, qos == 2 && got != 1:
				w.t.Fatalf("%s got %q %d times", p.name, text, got)
			case got == 0:
				continue
			}
			key := fmt.Sprint(from, topic, qos)
			if last, ok := order[key]; ok && place[text] < last {
				w.t.Fatalf("%s got %q before one that was published earlier", p.name, text)
			}
			order[key] = place[text]
		}
		if n := p.s.Inflight(); n != 0 {
			w.t.Fatalf("%s: %d messages in flight at the end", p.name, n)
		}
		if n, bytes := p.s.Backlog(); n != 0 || bytes != 0 {
			w.t.Fatalf("%s: %d messages of %d bytes wait at the end", p.name, n, bytes)
		}
	}
}

// TestModel plays random lives of two Clients: connections that break at any byte, takeovers, late and
// partial acknowledgements, slow routing, congestion, restarts of the actor. In the end QoS 1 came at
// least once, QoS 2 exactly once, and each topic and QoS of a publisher in its order.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		pick := func(t *rapid.T) *peer { return w.peers[rapid.IntRange(0, 1).Draw(t, "peer")] }
		count := func(t *rapid.T, most int) int { return rapid.IntRange(1, most).Draw(t, "n") }
		t.Repeat(map[string]func(*rapid.T){
			"publish": func(t *rapid.T) {
				p, n := pick(t), count(t, 8)
				qos := packet.QoS(rapid.IntRange(0, 2).Draw(t, "qos"))
				topic := rapid.SampledFrom([]string{"t", "u", "long/topic/name"}).Draw(t, "topic")
				for range n {
					w.all = append(w.all, p.publish(qos, topic))
				}
			},
			"up":          func(t *rapid.T) { p := pick(t); w.up(p, count(t, 400)) },
			"down":        func(t *rapid.T) { p := pick(t); w.down(p, count(t, 400)) },
			"acknowledge": func(t *rapid.T) { p := pick(t); p.acknowledge(count(t, 6)) },
			"route":       func(t *rapid.T) { w.route(count(t, 6)) },
			"cut":         func(t *rapid.T) { w.cut(pick(t)) },
			"connect":     func(t *rapid.T) { w.connect(pick(t)) },
			"congest": func(t *rapid.T) {
				p, on := pick(t), rapid.Bool().Draw(t, "on")
				w.do(p, func(s *session.Session, out *session.Output) { s.Congest(on, w.now, out) })
			},
			"wait": func(t *rapid.T) {
				w.now += int64(count(t, 3000))
				for _, p := range w.peers {
					if next := p.s.Next(); next != 0 && next <= w.now {
						w.do(p, func(s *session.Session, out *session.Output) { s.Tick(w.now, out) })
					}
				}
			},
			"recover": func(t *rapid.T) {
				p := pick(t)
				p.lose()
				w.do(p, func(s *session.Session, out *session.Output) { s.Recover(w.now, out) })
			},
		})
		w.settle()
		w.check()
	})
}
