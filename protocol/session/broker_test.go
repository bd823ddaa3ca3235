package session_test

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
	"github.com/troupemq/troupe/protocol/topic"
)

// broker is the smallest host of Sessions: one goroutine, no sockets, a clock that is set by hand. It
// does at once what an Output asks for, unless told to hold it back.
type broker struct {
	limits   session.Limits
	now      int64
	index    *topic.Index[subscriber]
	sessions map[string]*client // by Client Identifier
	links    map[string]*link   // by the name that a script gives them
	retained map[string]retained
	number   uint64
	denied   map[string]packet.ReasonCode // Topic Filters and Topic Names that are refused
	response string                       // Response Information
	hold     bool                         // acknowledgements of routed messages wait
	held     []func()
	durable  bool // Sessions that outlive their connection are in a store, which writes when it is told
	log      strings.Builder
}

// link is a Network Connection.
type link struct {
	name      string
	version   packet.Version
	handshake *session.Handshake
	client    *client // once there is a Session
	open      bool
}

// client is a Session with its place in the broker.
type client struct {
	id     string
	number uint64
	s      *session.Session
	link   *link
	counts session.Counts
	stored *stored // nil: it is in no store
}

type subscriber struct {
	c   *client
	sub session.Subscription
}

type retained struct {
	run *packet.Run
	at  int64
}

func newBroker() *broker {
	return &broker{
		limits: session.Limits{
			MaxQoS: packet.QoS2, RetainAvailable: true, ExpiryMaximum: 3600, TopicAliasMaximum: 10,
			ReceiveMaximum: 20, Queue: session.QueueLimits{Messages: 1000},
		},
		now:      1_000_000,
		index:    topic.NewIndex[subscriber](),
		sessions: make(map[string]*client),
		links:    make(map[string]*link),
		retained: make(map[string]retained),
		denied:   make(map[string]packet.ReasonCode),
	}
}

func (b *broker) printf(format string, a ...any) { fmt.Fprintf(&b.log, format+"\n", a...) }

// link gives the open connection of that name, a new one if there is none.
func (b *broker) link(name string) *link {
	if l := b.links[name]; l != nil && l.open {
		return l
	}
	l := &link{name: name, handshake: &session.Handshake{}, open: true}
	b.links[name] = l
	return l
}

// receive takes bytes from the connection: whole frames.
func (b *broker) receive(l *link, frames []byte) {
	for l.client == nil && l.open && len(frames) > 0 {
		h, ok, err := packet.ReadHeader(frames, b.limits.MaxPacketSize)
		size := len(frames)
		if ok && err == nil && h.FrameSize() <= size {
			size = h.FrameSize()
		}
		var out session.Output
		if h.Type == packet.TypeConnect {
			var c packet.Connect
			_ = c.Decode(frames[:size])
			l.version = c.Version
		}
		l.handshake.Receive(frames[:size], &b.limits, &out)
		b.handshake(l, &out)
		frames = frames[size:]
	}
	if l.open && len(frames) > 0 {
		b.do(l.client, func(s *session.Session, out *session.Output) { s.Receive(frames, b.now, out) })
	}
}

// handshake does what a Handshake wants.
func (b *broker) handshake(l *link, out *session.Output) {
	for out.Authenticate != nil {
		step := out.Authenticate
		out.Authenticate = nil
		l.handshake.Authenticated(judge(step), out)
	}
	b.write(l, out)
	if c := l.handshake.Accepted(); c != nil && l.client == nil {
		b.attach(l, c)
	}
}

// judge knows one method, "steps": it wants "begin" and then "end".
func judge(step *session.AuthStep) session.AuthResult {
	switch {
	case step.Method != "steps":
		return session.AuthResult{Code: packet.BadAuthenticationMethod}
	case string(step.Data) == "begin":
		return session.AuthResult{Code: packet.ContinueAuthentication, Data: []byte("more"), Reason: "go on"}
	case string(step.Data) == "end":
		return session.AuthResult{Data: []byte("done")}
	}
	return session.AuthResult{Code: packet.NotAuthorized, Reason: "wrong data"}
}

func (b *broker) attach(l *link, c *packet.Connect) {
	a := l.handshake.Attachment()
	a.ResponseInformation = b.response
	if string(c.Username) == "intruder" {
		var out session.Output
		l.handshake.Refuse(packet.BadUserNameOrPassword, &out)
		b.write(l, &out)
		return
	}
	if len(c.ClientID) == 0 {
		b.number++
		c.ClientID, a.AssignedClientID = fmt.Appendf(nil, "assigned-%d", b.number), true
	}
	id := string(c.ClientID)
	if old := b.sessions[id]; old != nil {
		if c.CleanStart {
			b.do(old, func(s *session.Session, out *session.Output) {
				s.End(packet.SessionTakenOver, b.now, out)
			})
		} else if old.link != nil {
			was := old.link
			b.do(old, func(s *session.Session, out *session.Output) {
				s.Disconnect(packet.SessionTakenOver, b.now, out)
			})
			b.cut(was)
		}
	}
	cl := b.sessions[id]
	if cl == nil {
		b.number++
		cl = &client{id: id, number: b.number, s: session.New(id, &b.limits)}
		b.sessions[id] = cl
	}
	l.client, cl.link = cl, l
	b.persist(cl, c)
	b.do(cl, func(s *session.Session, out *session.Output) { s.Attach(c, a, b.now, out) })
}

// write shows what goes to the connection and closes it if that is asked for.
func (b *broker) write(l *link, out *session.Output) {
	b.show(l, out)
	b.close(l, out)
}

func (b *broker) show(l *link, out *session.Output) {
	if l == nil {
		if len(out.Packets) > 0 {
			b.printf("BYTES FOR NOBODY %x", out.Packets)
		}
		return
	}
	for rest := out.Packets; len(rest) > 0; {
		h, _, _ := packet.ReadHeader(rest, 0)
		b.printf("%s <- %s", l.name, show(rest[:h.FrameSize()], l.version))
		rest = rest[h.FrameSize():]
	}
}

func (b *broker) close(l *link, out *session.Output) {
	if l == nil || out.Close == nil || !l.open {
		return
	}
	who := "by server"
	if out.Close.ByClient {
		who = "by client"
	}
	text := ""
	if out.Close.Err != nil {
		text = ": " + out.Close.Err.Error()
	}
	b.printf("%s closed %s, 0x%02x%s", l.name, who, uint8(out.Close.Code), text)
	b.cut(l)
}

// cut ends a connection.
func (b *broker) cut(l *link) {
	if !l.open {
		return
	}
	l.open = false
	if c := l.client; c != nil && c.link == l {
		c.link = nil
		c.lose()
		b.do(c, func(s *session.Session, out *session.Output) { s.Detach(b.now, out) })
	}
}

// do calls a Session and does what comes out of it.
func (b *broker) do(c *client, call func(s *session.Session, out *session.Output)) {
	var out session.Output
	call(c.s, &out)
	b.perform(c, &out)
}

func (b *broker) perform(c *client, out *session.Output) {
	c.counts.Add(&out.Counts)
	if out.Ended {
		b.printf("session %s ended", c.id)
		if b.sessions[c.id] == c {
			delete(b.sessions, c.id)
		}
	}
	l := c.link
	b.guard(c, out)
	b.show(l, out)
	for _, u := range out.Unsubscribe {
		e := b.index.Edit()
		for _, f := range u.Filters {
			e.Delete(f, c.number)
		}
		b.index = e.Commit()
		if u.PacketID != 0 {
			b.do(c, func(s *session.Session, out *session.Output) { s.Unsubscribed(u.PacketID, out) })
		}
	}
	for _, r := range out.Publish {
		b.route(c, r)
	}
	for _, r := range out.Subscribe {
		b.subscribe(c, r)
	}
	for _, r := range out.Redistribute {
		b.redistribute(r)
	}
	for step := out.Authenticate; step != nil; step = nil {
		b.do(c, func(s *session.Session, out *session.Output) { s.Authenticated(judge(step), out) })
	}
	b.close(l, out)
}

func (b *broker) subscribe(c *client, r session.SubscribeRequest) {
	codes := slices.Clone(r.Codes)
	e := b.index.Edit()
	for i, sub := range r.Subscriptions {
		if code := b.denied[sub.Filter]; code != 0 {
			codes[i] = code
			continue
		}
		e.Put(sub.Filter, c.number, subscriber{c, sub})
	}
	b.index = e.Commit()
	b.do(c, func(s *session.Session, out *session.Output) { s.Subscribed(r.PacketID, codes, out) })
	for i, sub := range r.Subscriptions {
		if sub.Replay && !codes[i].IsError() {
			b.replay(c, sub)
		}
	}
}

func (b *broker) replay(c *client, sub session.Subscription) {
	names := make([]string, 0, len(b.retained))
	for name := range b.retained {
		if topic.Match(sub.Filter, name) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	terms := &session.Terms{QoS: sub.Options.QoS, Retained: true}
	if sub.ID != 0 {
		terms.IDs = []uint32{sub.ID}
	}
	c.s.ReplayBegin()
	for _, name := range names {
		run := b.retained[name].run
		b.do(c, func(s *session.Session, out *session.Output) { s.Deliver(run, terms, b.now, out) })
	}
	c.s.ReplayEnd()
}

// route finds the receivers of r, delivers, and acknowledges.
func (b *broker) route(from *client, r *packet.Run) {
	code := packet.Success
	if refused := b.denied[string(r.Topic)]; refused != 0 {
		code = refused
	} else if b.deliver(from, r) == 0 {
		code = packet.NoMatchingSubscribers
	}
	acknowledge := func() {
		b.do(from, func(s *session.Session, out *session.Output) { s.Acknowledge(r, code, out) })
	}
	if b.hold && r.QoS > packet.QoS0 {
		b.held = append(b.held, acknowledge)
		return
	}
	acknowledge()
}

func (b *broker) deliver(from *client, r *packet.Run) (receivers int) {
	if r.Retain {
		if payloadSize(r) == 0 {
			delete(b.retained, string(r.Topic)) // [MQTT-3.3.1-6]
		} else {
			b.retained[string(r.Topic)] = retained{r, b.now}
		}
	}
	var m topic.Matches[subscriber]
	b.index.Match(r.Topic, &m)
	terms := make(map[*client]*session.Terms)
	var order []*client
	for _, set := range m.Sets {
		for _, v := range set.All() {
			if v.sub.Options.NoLocal && v.c == from { // [MQTT-3.8.3-3]
				continue
			}
			t := terms[v.c]
			if t == nil {
				t = &session.Terms{}
				terms[v.c] = t
				order = append(order, v.c)
			}
			t.QoS = max(t.QoS, v.sub.Options.QoS)
			t.RetainAsPublished = t.RetainAsPublished || v.sub.Options.RetainAsPublished
			if v.sub.ID != 0 {
				t.IDs = append(t.IDs, v.sub.ID)
				slices.Sort(t.IDs)
			}
		}
	}
	slices.SortFunc(order, func(x, y *client) int { return int(x.number) - int(y.number) })
	for _, c := range order {
		b.do(c, func(s *session.Session, out *session.Output) { s.Deliver(r, terms[c], b.now, out) })
	}
	for _, g := range m.Groups {
		for one := range r.Each() {
			b.share(g, one)
		}
	}
	return len(order) + len(m.Groups)
}

// share gives r to the next member of a group, one that is connected if there is any.
func (b *broker) share(g *topic.Group[subscriber], r *packet.Run) {
	start := int(g.Next())
	pick := start % g.Len()
	for i := range g.Len() {
		if _, v := g.At((start + i) % g.Len()); v.c.s.Attached() {
			pick = (start + i) % g.Len()
			break
		}
	}
	_, v := g.At(pick)
	terms := &session.Terms{QoS: v.sub.Options.QoS, RetainAsPublished: v.sub.Options.RetainAsPublished, Shared: g.Filter}
	b.do(v.c, func(s *session.Session, out *session.Output) { s.Deliver(r, terms, b.now, out) })
}

func (b *broker) redistribute(r session.Redistribution) {
	var m topic.Matches[subscriber]
	b.index.Match(r.Run.Topic, &m)
	for _, g := range m.Groups {
		if g.Filter == r.Filter {
			for one := range r.Run.Each() {
				b.share(g, one)
			}
		}
	}
}

// advance lets time pass, with every Tick when it is due.
func (b *broker) advance(ms int64) {
	end := b.now + ms
	for {
		at, due := end, []*client(nil)
		for _, c := range b.sessions {
			switch next := c.s.Next(); {
			case next == 0 || next > at:
			case next < at:
				at, due = next, []*client{c}
			default:
				due = append(due, c)
			}
		}
		b.now = max(b.now, at)
		if due == nil {
			return
		}
		slices.SortFunc(due, func(x, y *client) int { return int(x.number) - int(y.number) })
		for _, c := range due {
			b.do(c, func(s *session.Session, out *session.Output) { s.Tick(b.now, out) })
		}
	}
}

// release does what was held back, in order.
func (b *broker) release() {
	held := b.held
	b.held, b.hold = nil, false
	for _, f := range held {
		f()
	}
}

func payloadSize(r *packet.Run) int {
	l := packet.LayoutOf(r.Frames, r.Version)
	return l.Size - l.Payload
}
