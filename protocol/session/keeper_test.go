package session_test

import (
	"fmt"
	"math"
	"slices"

	"pgregory.net/rapid"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// keeper is the host of one durable Session, with its Client, those who publish to it, and a store.
type keeper struct {
	t           *rapid.T
	settling    bool
	now         int64
	limits      session.Limits
	waits       bool
	s           *session.Session
	p           *peer
	last        *packet.Connect
	late        []byte // acknowledgements for the connection before, that this one sends
	exists      bool   // a Client was attached to the Session
	counts      session.Counts
	crashes     int
	cold        int // times that something had to be loaded that is in flight
	excess      int // messages that waited when the Session woke up
	excessBytes int64
	memory      int64 // bytes that others leave; 0: no bound
	spoiled     bool  // messages may be dropped for more than their own expiry

	// The store.
	shelf  *shelf
	group  uint64
	staged []*staging // collected, and not written
	told   []*staging // written, and the Session does not know
	number uint64
	loads  []*session.Load
	read   func() ([]session.LoadedPage, bool) // the answer to loads[0], if it was read
	held   []holding
	gated  bool

	// Who publishes to the Client.
	streams []*stream
	entered []*pass // tickets for the next group

	// What the Client publishes.
	routing   []*packet.Run // not under a ticket that entered
	published []string
	routed    map[string]int

	dial  func() // instead of connect
	sure  func() // before a crash
	judge func() // instead of a part of check

	subscribing []uint16 // SUBSCRIBE to be answered
	wanted      map[uint16]string
	granted     map[string]bool
	subID       uint16
}

// holding is output that waits for a group.
type holding struct {
	bytes []byte
	group uint64 // 0: for the next
}

// staging is a group on its way to the store.
type staging struct {
	group   uint64
	changes session.Changes
	passes  []*pass
}

// pass is a ticket, or the Client's own.
type pass struct {
	group   uint64 // that it is in; 0: in none yet
	letters []*letter
	runs    []*packet.Run
}

// letter is a message to the Client.
type letter struct {
	text   string
	stream *stream
	safe   bool // its publisher was told so
	expiry bool
	again  bool // it was published again
	pad    int
}

// stream is what one publisher sends to one topic with one QoS.
type stream struct {
	name   string
	topic  string
	qos    packet.QoS
	n      int
	open   []*pass   // tickets that have not entered a group, in order
	flying []*letter // delivered and not safe, in order
	again  []*letter // to be published again
	all    []*letter
}

func newKeeper(t *rapid.T, waits bool) *keeper {
	k := &keeper{
		t: t, now: 1_000_000, waits: waits, shelf: newShelf(), routed: make(map[string]int),
		wanted: make(map[uint16]string), granted: make(map[string]bool),
	}
	k.limits = session.Limits{
		ReceiveMaximum: quota, MaxInflight: uint16(rapid.IntRange(1, 20).Draw(t, "max-inflight")),
		TopicAliasMaximum: 2, MaxQoS: packet.QoS2, RetainAvailable: true, ExpiryMaximum: session.NoExpiry,
		Queue: session.QueueLimits{QoS0Bytes: 100},
	}
	q := &k.limits.Queue
	switch rapid.IntRange(0, 5).Draw(t, "bounds") {
	case 0:
		q.Messages = rapid.IntRange(1, 12).Draw(t, "bound")
	case 1:
		q.Bytes = int64(rapid.IntRange(50, 500).Draw(t, "bound"))
	case 2:
		q.Age = int64(rapid.IntRange(500, 10_000).Draw(t, "age"))
	}
	if q.Messages+int(q.Bytes) > 0 {
		q.Overflow = rapid.SampledFrom([]session.Overflow{session.DropOldest, session.DropNewest, session.Reject}).Draw(t, "overflow")
		q.Patience = rapid.SampledFrom([]int64{0, 0, 1000}).Draw(t, "patience")
	}
	k.spoiled = *q != session.QueueLimits{QoS0Bytes: 100}
	k.limits.Shrink(rapid.IntRange(1, 200).Draw(t, "page"), int64(rapid.IntRange(1, 300).Draw(t, "keep")), rapid.IntRange(1, 6).Draw(t, "low"))
	for i := range 3 {
		k.streams = append(k.streams, &stream{name: fmt.Sprintf("p%d", i), topic: []string{"t", "long/topic/name", "t"}[i], qos: packet.QoS(2 - i)})
	}
	k.streams = append(k.streams, &stream{name: "q", topic: "t", qos: 2}, &stream{name: "q", topic: "u", qos: 1})
	k.p = &peer{t: t, name: "c", received: make(map[uint16]bool), got: make(map[string]int)}
	k.p.lose()
	k.begin()
	return k
}

// begin makes a Session that was never there.
func (k *keeper) begin() {
	k.s, k.exists, k.shelf = session.New("c", &k.limits), false, newShelf()
	k.s.Persist(k.waits)
}

// do calls the Session and does what comes out of it.
func (k *keeper) do(call func(s *session.Session, out *session.Output)) {
	var out session.Output
	if k.memory > 0 {
		out.Left = &session.Left{Messages: math.MaxInt, Bytes: math.MaxInt64, Memory: k.memory}
	}
	call(k.s, &out)
	k.counts.Add(&out.Counts)
	if out.Close != nil && out.Close.Code != packet.SessionTakenOver || out.Ended || out.Counts.DroppedBroken > 0 {
		k.t.Fatalf("%+v %+v", out.Close, out.Counts)
	}
	if !k.waits && (len(out.Held) > 0 || out.Gate) {
		k.t.Fatal("something has to wait")
	}
	if (len(out.Held) > 0 || out.Gate) && !k.s.Dirty() {
		k.t.Fatal("something waits for a group that never comes")
	}
	k.gated = k.gated || out.Gate
	if k.gated {
		out.Packets, out.Held = nil, append(slices.Clip(out.Packets), out.Held...)
	}
	k.write(out.Packets)
	switch {
	case len(out.Held) == 0:
	case k.s.Dirty():
		k.held = append(k.held, holding{bytes: slices.Clone(out.Held)})
	case len(k.held)+len(k.staged)+len(k.told) > 0: // it tells of nothing new
		k.held = append(k.held, holding{bytes: slices.Clone(out.Held), group: max(k.group, 1)})
	default:
		k.gated = false
		k.write(out.Held)
	}
	for _, run := range out.Publish {
		if run.QoS == packet.QoS0 {
			continue
		}
		k.routing = append(k.routing, run)
	}
	for _, r := range out.Subscribe {
		k.subscribing = append(k.subscribing, r.PacketID)
	}
	if out.Load != nil {
		if k.loads = append(k.loads, out.Load); len(k.loads) > 1 {
			k.t.Fatal("pages are asked for twice")
		}
		k.read = nil
	}
	k.bounded()
}

// bounded holds what waits against its bounds.
func (k *keeper) bounded() {
	q := &k.limits.Queue
	n, size := k.s.Backlog()
	if n < 0 || size < 0 {
		k.t.Fatalf("%d messages of %d bytes wait", n, size)
	}
	if in := k.s.Resident(); in < 0 {
		k.t.Fatalf("%d bytes of what waits are in memory", in)
	}
	messages, bytes := q.Messages, q.Bytes
	if q.Overflow == session.Reject || q.Patience > 0 {
		messages, bytes = 2*messages, 2*bytes
	}
	messages, bytes = max(messages, k.excess), max(bytes, k.excessBytes)
	unknown := q.Overflow == session.DropOldest && len(k.loads)+len(k.staged)+len(k.told) > 0 // where the oldest is
	if !unknown && !k.p.online && (q.Messages > 0 && n > messages || q.Bytes > 0 && size > bytes+100) {
		k.t.Fatalf("%d messages of %d bytes wait: %+v", n, size, q)
	}
}

// write hands bytes to the Client, which has to be told nothing that is not safe.
func (k *keeper) write(b []byte) {
	for rest := b; k.waits && len(rest) > 0; {
		h, _, _ := packet.ReadHeader(rest, 0)
		k.safe(rest[:h.FrameSize()])
		rest = rest[h.FrameSize():]
	}
	if k.p.online {
		k.p.down = append(k.p.down, b...)
	} else if len(b) > 0 {
		k.t.Fatal("bytes for nobody")
	}
}

// safe holds what a frame says against the store.
func (k *keeper) safe(frame []byte) {
	inflight := func(id uint16) (step uint8, seq uint64) {
		if k.shelf.head != nil {
			for _, f := range k.shelf.head.Inflight {
				if f.ID == id {
					return f.Step, f.Seq
				}
			}
		}
		return 0, 0
	}
	switch t := packet.Type(frame[0] >> 4); t {
	case packet.TypeConnack:
		if r := k.shelf.record; r == nil || r.EndAt != 0 || r.Version != k.p.version {
			k.t.Fatalf("CONNACK, and the store has %+v", r)
		}
	case packet.TypePublish:
		var m packet.Publish
		k.p.must(m.Decode(frame, k.p.version))
		if m.QoS != packet.QoS2 {
			return
		}
		step, seq := inflight(m.PacketID)
		found := false
		for _, p := range k.shelf.pages {
			for _, e := range p.Page {
				found = found || seq >= e.Seq && seq < e.Seq+uint64(e.Count)
			}
		}
		if step != 2 || !found {
			k.t.Fatalf("PUBLISH %d is not safe: step %d, seq %d", m.PacketID, step, seq)
		}
	case packet.TypePubrel:
		id := uint16(frame[2])<<8 | uint16(frame[3])
		if step, _ := inflight(id); step != 3 && !k.shelf.leftover(id) {
			k.t.Fatalf("PUBREL %x is not safe: step %d", frame, step)
		}
	case packet.TypePubrec:
		if id := uint16(frame[2])<<8 | uint16(frame[3]); !slices.Contains(k.shelf.head.Received, id) {
			k.t.Fatalf("PUBREC %d is not safe", id)
		}
	case packet.TypePubcomp:
		if id := uint16(frame[2])<<8 | uint16(frame[3]); k.shelf.head != nil && slices.Contains(k.shelf.head.Received, id) {
			k.t.Fatalf("PUBCOMP %d is not safe", id)
		}
	}
}

// deliver lets a stream publish so many messages in one Run.
func (k *keeper) deliver(st *stream, n int) {
	var letters []*letter
	if len(st.again) > 0 {
		n = min(n, len(st.again))
		for i, l := range st.again[:n] {
			if i > 0 && (l.expiry || st.again[0].expiry) {
				n = i // a message with an expiry is alone in its Run
				break
			}
		}
		letters, st.again = st.again[:n:n], st.again[n:]
		for _, l := range letters {
			l.again = true
		}
	} else {
		letters = k.compose(st, n)
	}
	version := rapid.SampledFrom([]packet.Version{packet.V311, packet.V5}).Draw(k.t, "from")
	if letters[0].expiry {
		version = packet.V5
	}
	r := &packet.Run{Version: version, QoS: st.qos, Count: len(letters)}
	for i, l := range letters {
		m := packet.Publish{Topic: []byte(st.topic), QoS: st.qos, PacketID: uint16(i + 1), Payload: []byte(l.text)}
		for range l.pad {
			m.Payload = append(m.Payload, ' ')
		}
		if l.expiry {
			m.HasMessageExpiry, m.MessageExpiry = true, 2
			r.HasExpiry, r.Expiry = true, 2
		}
		r.Frames = m.Append(r.Frames, version)
	}
	measure(r)
	if r.HasExpiry {
		r.Deadline = k.now + 2000
	}
	if rapid.Bool().Draw(k.t, "slab") {
		r.Slab = 1 << 16
	}
	if rapid.IntRange(0, 2).Draw(k.t, "shared") == 0 {
		r.Body = new(packet.Body)
	}
	if st.qos > packet.QoS0 {
		st.flying = append(st.flying, letters...)
		last := len(st.open) - 1
		if last < 0 || rapid.Bool().Draw(k.t, "new-ticket") {
			st.open = append(st.open, &pass{})
			last++
		}
		st.open[last].letters = append(st.open[last].letters, letters...)
		k.s.Under(st.open[last])
	}
	terms := everything[rapid.IntRange(0, 1).Draw(k.t, "terms")]
	k.do(func(s *session.Session, out *session.Output) { s.Deliver(r, terms, k.now, out) })
	k.s.Under(nil)
}

// compose makes n new messages.
func (k *keeper) compose(st *stream, n int) []*letter {
	letters := make([]*letter, n)
	expires := n == 1 && rapid.IntRange(0, 9).Draw(k.t, "expires") == 0
	for i := range letters {
		st.n++
		l := &letter{
			text: fmt.Sprintf("%s %s %d %d", st.name, st.topic, st.qos, st.n), stream: st, expiry: expires,
			pad: rapid.SampledFrom([]int{0, 0, 90}).Draw(k.t, "pad"),
		}
		letters[i] = l
	}
	st.all = append(st.all, letters...)
	return letters
}

// enter lets tickets into the next group: the first n of a stream that are open.
func (k *keeper) enter(st *stream, n int) {
	n = min(n, len(st.open))
	for _, ticket := range st.open[:n] {
		ticket.group = k.group + 1
		k.entered = append(k.entered, ticket)
	}
	st.open = slices.Clone(st.open[n:])
}

// route routes n of the Client's Runs, to be in the next group.
func (k *keeper) route(n int) {
	n = min(n, len(k.routing))
	if n > 0 {
		k.entered = append(k.entered, &pass{group: k.group + 1, runs: slices.Clone(k.routing[:n])})
		k.routing = slices.Clone(k.routing[n:])
	}
}

// collect makes a group.
func (k *keeper) collect(quiet bool) {
	k.group++
	g := &staging{group: k.group, passes: k.entered}
	k.entered = nil
	in := func(ticket any) bool {
		if ticket == nil {
			return true
		}
		at := ticket.(*pass).group
		return at != 0 && at <= k.group
	}
	routed := func(r *packet.Run) bool {
		for _, g := range append(append(slices.Clone(k.staged), k.told...), g) {
			for _, p := range g.passes {
				if slices.Contains(p.runs, r) {
					return true
				}
			}
		}
		return false
	}
	if k.s.Dirty() {
		g.changes = k.s.Collect(k.group, in, routed, func() uint64 { k.number++; return k.number }, quiet)
		for i := range k.held {
			if k.held[i].group == 0 && !(k.gated && quiet) {
				k.held[i].group = k.group
			}
		}
	}
	k.staged = append(k.staged, g)
}

// store writes the oldest group. Who published is told so.
func (k *keeper) store() {
	if len(k.staged) == 0 {
		return
	}
	g := k.staged[0]
	k.staged = k.staged[1:]
	k.shelf.apply(k.t, &g.changes, k.cold == 0)
	for _, p := range g.passes {
		for _, l := range p.letters {
			l.safe = true
			l.stream.flying = l.stream.flying[1:]
		}
		for _, r := range p.runs {
			k.note(r)
		}
	}
	k.told = append(k.told, g)
}

// note counts what the Client published and is safe.
func (k *keeper) note(r *packet.Run) {
	for one := range r.Each() {
		l := packet.LayoutOf(one.Frames, one.Version)
		text := string(one.Frames[l.Payload:l.Size])
		k.routed[text]++
		if k.routed[text] > 1 && r.QoS == packet.QoS2 {
			k.t.Fatalf("%q is routed twice", text)
		}
	}
}

// tell lets the Session hear of the oldest group that was written.
func (k *keeper) tell() {
	if len(k.told) == 0 {
		return
	}
	g := k.told[0]
	for _, p := range g.passes {
		for _, r := range p.runs {
			k.do(func(s *session.Session, out *session.Output) { s.Acknowledge(r, packet.Success, out) })
		}
	}
	k.do(func(s *session.Session, out *session.Output) { s.Committed(g.group, k.now, out) })
	k.told = k.told[1:]
	for len(k.held) > 0 && k.held[0].group != 0 && k.held[0].group <= g.group {
		b := k.held[0].bytes
		k.held = k.held[1:]
		k.write(b)
	}
	if len(k.held) == 0 {
		k.gated = false
	}
}

// look reads the pages that were asked for.
func (k *keeper) look() {
	if len(k.loads) > 0 && k.read == nil {
		most := 2
		if !k.settling {
			most = rapid.IntRange(1, 3).Draw(k.t, "pages")
		}
		pages, last := k.shelf.read(k.loads[0].From, most)
		k.read = func() ([]session.LoadedPage, bool) { return pages, last }
	}
}

// load answers with them.
func (k *keeper) load() {
	if k.look(); k.read != nil {
		pages, last := k.read()
		k.loads, k.read = nil, nil
		k.do(func(s *session.Session, out *session.Output) { s.Loaded(pages, last, k.now, out) })
	}
}

// connect attaches the Client.
func (k *keeper) connect() {
	if k.dial != nil {
		k.dial()
		return
	}
	p := k.p
	if k.s.Attached() {
		k.do(func(s *session.Session, out *session.Output) { s.Disconnect(packet.SessionTakenOver, k.now, out) })
	}
	k.cut()
	c := k.last
	if c == nil || rapid.IntRange(0, 2).Draw(k.t, "same") > 0 {
		c = &packet.Connect{ClientID: []byte(p.name), ReceiveMaximum: 65535}
		c.Version = rapid.SampledFrom([]packet.Version{packet.V31, packet.V311, packet.V5}).Draw(k.t, "version")
	}
	version := c.Version
	p.version = version
	if version == packet.V5 && c != k.last {
		c.HasSessionExpiry, c.SessionExpiry = true, rapid.SampledFrom([]uint32{session.NoExpiry, 1 << 20}).Draw(k.t, "expiry")
		c.ReceiveMaximum = uint16(rapid.IntRange(1, 8).Draw(k.t, "receive-maximum"))
		c.TopicAliasMaximum = uint16(rapid.IntRange(0, 2).Draw(k.t, "aliases"))
	}
	k.last, p.maximum = c, int(c.ReceiveMaximum)
	if p.known && !k.exists {
		k.t.Fatal("the Client was told of a Session that is not there")
	}
	p.present = k.exists && version != packet.V31
	p.online, k.exists = true, true
	k.do(func(s *session.Session, out *session.Output) { s.Attach(c, session.Attachment{}, k.now, out) })
}

// lose is the end of the connection on the Client's side.
func (k *keeper) lose() {
	k.p.lose()
	k.held, k.gated = nil, false
	k.subscribing = nil
}

func (k *keeper) cut() {
	if k.p.ready {
		k.late = nil
	}
	for i, a := range k.p.answers {
		if k.p.owe[i] == packet.TypePuback {
			k.late = append(k.late, a...)
		}
	}
	k.lose()
	k.do(func(s *session.Session, out *session.Output) { s.Detach(k.now, out) })
}

// crash loses all that is not written.
func (k *keeper) crash() {
	if k.sure != nil {
		k.sure()
	}
	k.crashes++
	k.late = nil
	k.lose()
	k.staged, k.told, k.entered, k.routing, k.loads = nil, nil, nil, nil, nil
	for _, st := range k.streams {
		st.again = append(st.flying, st.again...)
		st.flying, st.open = nil, nil
	}
	k.wake()
}

// wake makes the Session that is in the store.
func (k *keeper) wake() {
	k.cold++
	h := k.shelf
	if h.record == nil {
		k.begin()
		k.connect()
		return
	}
	k.s = session.New("c", &k.limits)
	k.exists = true
	k.s.Restore(h.record, h.head, func(yield func(session.Subscription) bool) {
		for _, sub := range h.filters {
			if !yield(sub) {
				return
			}
		}
	}, k.waits, k.now)
	k.excess, k.excessBytes = k.s.Backlog()
}

// rest lets a Session go that is away, and sometimes forgets it.
func (k *keeper) rest(forget bool) {
	if len(k.staged)+len(k.told)+len(k.entered)+len(k.routing) > 0 || !k.s.Rest() {
		return
	}
	k.cold++
	if k.s.Dirty() {
		k.t.Fatal("a Session at rest is dirty")
	}
	if forget && k.exists {
		before, size := k.s.Backlog()
		inflight := k.s.Inflight()
		k.wake()
		if after, sizeAfter := k.s.Backlog(); before != after || size != sizeAfter || inflight != k.s.Inflight() {
			k.t.Fatalf("%d messages of %d bytes waited and %d were in flight, now %d of %d and %d", before, size, inflight, after, sizeAfter, k.s.Inflight())
		}
	}
}

// up lets n bytes reach the Server, in frames.
func (k *keeper) up(n int) {
	end := whole(k.p.up, n)
	frames := slices.Clone(k.p.up[:end])
	k.p.up = k.p.up[end:]
	if end > 0 && k.p.online {
		k.do(func(s *session.Session, out *session.Output) { s.Receive(frames, k.now, out) })
	}
}

// down lets n bytes reach the Client, in frames.
func (k *keeper) down(n int) {
	end := whole(k.p.down, n)
	frames := k.p.down[:end:end]
	k.p.down = k.p.down[end:]
	for len(frames) > 0 && k.p.online {
		h, _, _ := packet.ReadHeader(frames, 0)
		frame := frames[:h.FrameSize()]
		frames = frames[h.FrameSize():]
		switch packet.Type(frame[0] >> 4) {
		case packet.TypeSuback:
			var a packet.Suback
			k.p.must(a.Decode(frame, k.p.version))
			k.granted[k.wanted[a.PacketID]] = true
			if _, ok := k.shelf.filters[k.wanted[a.PacketID]]; k.waits && !ok {
				k.t.Fatalf("SUBACK for %q, which is not safe", k.wanted[a.PacketID])
			}
		case packet.TypePublish:
			var m packet.Publish
			k.p.must(m.Decode(frame, k.p.version))
			m.Payload = trimmed(m.Payload)
			k.p.takePublish(m.Append(nil, k.p.version))
		case packet.TypePuback, packet.TypePubrec:
			k.p.take(frame)
		default:
			k.p.take(frame)
			k.p.known = true
			if packet.Type(frame[0]>>4) == packet.TypeConnack && len(k.late) > 0 && rapid.Bool().Draw(k.t, "late") {
				k.p.up = append(k.p.up, k.late...)
				k.late, k.p.maximum = nil, 65535 // what comes again all the same does not count any more for the Server
			}
		}
	}
}

func trimmed(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}

func (k *keeper) subscribe() {
	if !k.p.ready {
		return
	}
	k.subID++
	filter := fmt.Sprintf("f/%d", k.subID%4)
	k.wanted[k.subID] = filter
	m := packet.Subscribe{PacketID: k.subID, Filters: []packet.TopicFilter{{Filter: []byte(filter)}}}
	k.p.up = m.Append(k.p.up, k.p.version)
}

func (k *keeper) subscribed() {
	if len(k.subscribing) > 0 {
		id := k.subscribing[0]
		k.subscribing = k.subscribing[1:]
		k.do(func(s *session.Session, out *session.Output) { s.Subscribed(id, nil, out) })
	}
}

func (k *keeper) tick() {
	if next := k.s.Next(); next != 0 && next <= k.now {
		k.do(func(s *session.Session, out *session.Output) { s.Tick(k.now, out) })
	}
}

// settle lets everything that is open come to its end.
func (k *keeper) settle() {
	k.settling = true
	for range 5 { // it may expire while it is away
		k.connect()
		for range 3000 {
			busy := k.s.Dirty() || len(k.staged)+len(k.told)+len(k.loads)+len(k.held)+len(k.routing)+len(k.entered)+len(k.subscribing) > 0
			for _, st := range k.streams {
				busy = busy || len(st.again)+len(st.open) > 0
				for len(st.again) > 0 {
					k.deliver(st, 3)
				}
				k.enter(st, len(st.open))
			}
			k.do(func(s *session.Session, out *session.Output) { s.Congest(false, k.now, out) })
			k.route(len(k.routing))
			k.subscribed()
			k.load()
			k.collect(false)
			for len(k.staged)+len(k.told) > 0 {
				k.store()
				k.tell()
			}
			busy = busy || len(k.p.up)+len(k.p.down)+len(k.p.answers)+len(k.p.sending) > 0
			k.down(len(k.p.down))
			k.p.acknowledge(len(k.p.answers))
			k.up(len(k.p.up))
			if !busy {
				return
			}
		}
	}
	n, _ := k.s.Backlog()
	k.t.Fatalf("does not come to an end: %d wait, %d in flight, dirty %v, %d loads", n, k.s.Inflight(), k.s.Dirty(), len(k.loads))
}

// check holds what arrived against what was published, and that nothing is left.
func (k *keeper) check() {
	if k.judge != nil {
		k.judge()
	} else {
		k.compare()
	}
	k.empty()
}

func (k *keeper) compare() {
	missing, passing, place := 0, 0, make(map[string]int)
	for i, text := range k.p.log {
		place[text] = i
	}
	for _, st := range k.streams {
		last := -1
		for _, l := range st.all {
			got := k.p.got[l.text]
			switch {
			case st.qos < 1 && got > 1, st.qos == 2 && got > 1:
				k.t.Fatalf("%q came %d times", l.text, got)
			case got == 0:
				if st.qos > 0 && !k.spoiled && !l.expiry {
					k.t.Fatalf("%q never came", l.text)
				}
				if st.qos > 0 {
					missing++
				} else {
					passing++
				}
				continue
			}
			if l.again && st.qos == 1 && (k.spoiled || l.expiry) {
				continue // it was dropped, and then came as something new
			}
			if place[l.text] < last {
				k.t.Fatalf("%q came before one that was published earlier", l.text)
			}
			last = place[l.text]
		}
	}
	c := &k.counts
	dropped := int(c.DroppedQueueFull + c.DroppedExpired + c.DroppedAged + c.DroppedTooLarge)
	if missing > dropped || k.crashes == 0 && missing < dropped-passing {
		k.t.Fatalf("%d never came, %d are counted", missing, dropped)
	}
	for _, text := range k.published {
		if n := k.routed[text]; n < 1 {
			k.t.Fatalf("%q was routed %d times", text, n)
		}
	}
}

func (k *keeper) empty() {
	n, size := k.s.Backlog()
	if n != 0 || size != 0 || k.s.Inflight() != 0 || k.s.Resident() != 0 {
		k.t.Fatalf("%d messages of %d bytes wait, %d are in flight, %d bytes are in memory", n, size, k.s.Inflight(), k.s.Resident())
	}
	h := k.shelf
	if len(h.pages) > 0 || len(h.bodies) > 0 || h.head != nil && (h.head.Messages != 0 || h.head.Bytes != 0 || len(h.head.Inflight)+len(h.head.Received) > 0) {
		k.t.Fatalf("left in the store: %v %v %+v", h.pages, h.bodies, h.head)
	}
	for filter := range k.granted {
		if _, ok := h.filters[filter]; k.waits && !ok {
			k.t.Fatalf("the Subscription %q is lost", filter)
		}
	}
}
