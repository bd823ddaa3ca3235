package troupe

import (
	"fmt"
	"math"

	"github.com/troupemq/troupe/actors/actortest"
	"github.com/troupemq/troupe/protocol/packet"
)

// never is a step that does not come.
const never = math.MaxInt

// user is one simulated Client Identifier: what the Client does, and what is
// known of its Session. Steps are those of the world.
type user struct {
	*world
	name      string
	client    *actortest.Client
	filters   []*filter  // those that it may subscribe to, each always on the same terms
	durable   uint32     // Session Expiry Interval in seconds when it wants to be remembered
	forever   bool       // always wants to be remembered
	retaining packet.QoS // of what it publishes to be retained
	last      bool       // wants to be forgotten

	phase    phaseOfUser
	peer     *actortest.Peer
	vanished bool
	attempt  *attempt   // the connection
	attempts []*attempt // those whose Will is not judged

	session sessionState
	expiry  uint32 // of the Session, in seconds
	since   int    // step of the last CONNACK
	heard   int64  // Unix ms of it
	life    int    // numbers the Sessions; what was owed in an earlier one is not any more

	subscriptions []*subscription
	got           map[int]int            // messages in this life: how often
	gotTwo        map[int]int            // of them with QoS 2
	gotHere       map[int]int            // on this connection
	latest        map[orderKey]int       // the latest in the publisher's order
	topics        map[string]map[int]int // by topic: messages and the step at which they came last
	owedReplays   []owedReplay
	unheard       []*sending // QoS 0 on this connection that nothing has confirmed
	asked         []*sending // of them, those before the last PINGREQ
	pings         int
	asking        map[*packet.Unsubscribe]int // the steps at which they were sent
}

type phaseOfUser uint8

const (
	offline phaseOfUser = iota
	connecting
	online
)

type sessionState uint8

const (
	gone   sessionState = iota // there is none
	there                      // there is one, unless it has expired since
	unsure                     // a CONNECT was cut off before its answer
)

// attempt is one Network Connection of a user.
type attempt struct {
	peer     *actortest.Peer
	clean    bool
	expiry   uint32
	sent     int64 // Unix ms of CONNECT
	began    int   // step of CONNACK
	accepted bool
	will     *sending // nil: none
	delay    uint32   // of the Will, in seconds
	bye      bool     // DISCONNECT 0x00 was sent
	byeStep  int
	before   bool // the server had closed it before the next CONNECT was sent
	obscured bool // a CONNECT without an answer followed
	doubted  bool // a crash makes it uncertain what becomes of the Will
}

// filter is what a user may subscribe to.
type filter struct {
	name, topic string // topic is without $share
	share       bool
	asks        packet.QoS // for which it asks
	qos         packet.QoS // that it is granted
	id          uint32
	noLocal     bool
	asPublished bool
}

// subscription is one that was asked for: it may hold from `from` on, does from
// `sure` on, need not from `until` on, and does not from `gone` on.
type subscription struct {
	*filter
	life                    int
	from, sure, until, gone int
	judged                  bool // gone since its user has no right to it any more
}

// sending is one Application Message, from whoever published it.
type sending struct {
	id      int
	from    *user
	topic   string
	payload string
	qos     packet.QoS
	retain  bool
	empty   bool // removes a retained message
	expires bool
	sent    int               // step
	sends   int               // how often
	acked   int               // step, 0: not
	code    packet.ReasonCode // of the answer
	attempt *attempt
	shared  bool // a member of a shared subscription got it

	// After a crash:
	excused  bool // it may be lost
	orphaned bool // it may be lost to a shared subscription
	again    bool // a Will that may come once more
}

type orderKey struct {
	from      *user
	topic     string
	published packet.QoS
	delivered packet.QoS
}

func newUser(w *world, name string, v packet.Version) *user {
	u := &user{world: w, name: name, client: &actortest.Client{Version: v}}
	u.durable = []uint32{5, 60, 0xFFFFFFFF, 0xFFFFFFFF}[w.rng.IntN(4)]
	u.retaining = packet.QoS(1 + w.rng.IntN(2))
	u.begin()
	if name == "witness" {
		u.durable = 0xFFFFFFFF
		return u
	}
	menu := []string{"t/1", "t/+", "t/#", "+/1", "u/1", "#", "r/#", "r/+", "r/1"}
	if w.rng.IntN(3) == 0 {
		menu = []string{"t/1", "t/+", "r/#", "$share/g/s/+", "$share/g/s/1", "$share/h/s/#"}
	}
	for i, at := range w.rng.Perm(len(menu))[:1+w.rng.IntN(4)] {
		f := &filter{name: menu[at], topic: menu[at], qos: packet.QoS(w.rng.IntN(3))}
		if v == packet.V5 {
			f.id = uint32(w.rng.IntN(2) * (i + 1))
			f.asPublished = w.rng.IntN(4) == 0
		}
		if len(f.name) > 8 && f.name[0] == '$' {
			f.share, f.topic = true, f.name[len("$share/g/"):]
			f.qos = max(f.qos, packet.QoS1)
		} else if v == packet.V5 {
			f.noLocal = w.rng.IntN(4) == 0
		}
		if f.name[0] == 'r' {
			f.qos = max(f.qos, packet.QoS1)
		}
		f.asks = f.qos
		f.qos, _ = w.laws.granted(name, f)
		u.filters = append(u.filters, f)
	}
	return u
}

// begin forgets what was of an earlier Session.
func (u *user) begin() {
	u.life++
	u.got, u.latest = make(map[int]int), make(map[orderKey]int)
	u.gotTwo, u.topics = make(map[int]int), make(map[string]map[int]int)
	u.owedReplays = nil
}

func (u *user) v5() bool { return u.client.Version == packet.V5 }

// act does something that the user may do now.
func (u *user) act() {
	if u.phase == offline {
		if u.rng.IntN(3) > 0 {
			u.connect(u.rng.IntN(4) == 0)
		}
		return
	}
	if u.phase == connecting {
		if u.rng.IntN(8) == 0 {
			u.drop()
		}
		return
	}
	switch n := u.rng.IntN(100); {
	case n < 50:
		for range 1 + u.rng.IntN(3) {
			u.publish()
		}
	case n < 62:
		u.subscribe(u.some())
	case n < 65:
		u.unsubscribe(u.some())
	case n < 68: // in one breath
		filters := u.some()
		u.subscribe(filters)
		u.unsubscribe(filters)
		u.subscribe(filters)
	case n < 82:
		u.answer(1 + u.rng.IntN(6))
	case n < 86:
		u.ping()
	case n < 89:
		u.leave(packet.Success)
	case n < 91:
		u.leave(packet.DisconnectWithWill)
	case n < 95:
		u.drop()
	case n < 97:
		u.peer.CutAfter(1 + u.rng.IntN(60))
		u.happened.cuts++
	default:
		u.connect(u.rng.IntN(4) == 0)
	}
}

// some picks some of the filters.
func (u *user) some() (filters []*filter) {
	for _, f := range u.filters {
		if u.rng.IntN(2) == 0 {
			filters = append(filters, f)
		}
	}
	return filters
}

// connect opens a connection; one that there is, is left to be taken over.
func (u *user) connect(clean bool) {
	if u.attempt != nil && !u.attempt.accepted {
		u.patient() // the earlier CONNECT, if it arrived, comes first
	}
	peer := u.listener.Dial(16 << u.rng.IntN(9))
	if peer == nil {
		u.fail("nobody listens")
		return
	}
	if u.peer != nil {
		u.happened.takeovers++
		if u.rng.IntN(2) == 0 {
			u.peer.End()
		}
	}
	u.happened.connects++
	l := &attempt{peer: peer, clean: clean, sent: u.scheduler.Now()}
	if u.attempt != nil {
		u.attempt.before = u.attempt.peer.Closed() != 0
	}
	p := &packet.Connect{
		Version: u.client.Version, CleanStart: clean, ClientID: []byte(u.name), RequestProblemInformation: true,
	}
	wish := u.forever || !u.last && u.rng.IntN(4) > 0
	switch {
	case u.v5():
		if wish {
			l.expiry = u.durable
		}
		p.HasSessionExpiry, p.SessionExpiry = true, l.expiry
		p.ReceiveMaximum = uint16(u.rng.IntN(5))
		p.TopicAliasMaximum = uint16(u.rng.IntN(4))
		if !u.forever {
			p.KeepAlive = uint16(u.rng.IntN(3) / 2 * 30)
		}
	case !clean:
		l.expiry = 0xFFFFFFFF
	}
	if u.rng.IntN(2) == 0 && u != u.witness {
		l.will = u.compose("will/"+u.name, packet.QoS(u.rng.IntN(3)))
		p.Will = &packet.Will{QoS: l.will.qos, Topic: []byte(l.will.topic), Payload: []byte(l.will.payload)}
		if u.v5() {
			l.delay = []uint32{0, 0, 4, 40}[u.rng.IntN(4)]
			p.Will.DelayInterval = l.delay
		}
	}
	if clean || u.session == unsure {
		u.renounce()
	}
	u.recorder.Printf("%s connects on %d, version %v, clean %v, expiry %d, will %v after %d s", u.name, peer.Number(), p.Version, clean, l.expiry, l.will != nil, l.delay)
	frame, lost := u.client.Connect(p)
	u.lose(lost)
	u.unheard, u.asked, u.pings = nil, nil, 0
	u.gotHere, u.asking = make(map[int]int), make(map[*packet.Unsubscribe]int)
	u.attempts = append(u.attempts, l)
	u.peer, u.attempt, u.phase, u.vanished = peer, l, connecting, false
	peer.Send(frame)
}

// renounce gives up what the Session owes: it may be another from now on.
func (u *user) renounce() {
	now := u.tick()
	for _, s := range u.subscriptions {
		s.until = min(s.until, now)
	}
	u.lose(u.client.Forget())
	u.begin()
}

// lose gives up messages that the Server has not acknowledged.
func (u *user) lose(lost []*actortest.Outgoing) {
	for _, o := range lost {
		u.recorder.Printf("%s gives up m%d", u.name, o.Tag.(*sending).id)
	}
}

// drop breaks the connection in one way or the other.
func (u *user) drop() {
	u.happened.cuts++
	switch u.rng.IntN(3) {
	case 0:
		u.recorder.Printf("%s vanishes", u.name)
		u.peer.Vanish()
		u.vanished = true
	case 1:
		if u.phase == online {
			u.recorder.Printf("%s ends", u.name)
			u.peer.End()
			break
		}
		fallthrough
	default:
		u.recorder.Printf("%s cuts", u.name)
		u.peer.Cut()
	}
	u.lost()
}

// lost notes that the connection is gone.
func (u *user) lost() {
	u.recorder.Printf("%s is offline", u.name)
	if u.phase == connecting {
		for _, l := range u.attempts {
			l.obscured = l.obscured || l != u.attempt
		}
		if u.session == gone || u.attempt.clean || u.attempt.expiry != u.expiry || u.expiry != 0xFFFFFFFF {
			u.session = unsure
			u.renounce()
		}
	}
	u.phase = offline
	u.peer = nil
}

// leave says DISCONNECT.
func (u *user) leave(code packet.ReasonCode) {
	if code != packet.Success && !u.v5() {
		return
	}
	u.recorder.Printf("%s leaves with %v", u.name, code)
	u.attempt.bye, u.attempt.byeStep = code == packet.Success && u.peer.Closed() == 0, u.tick()
	u.peer.Send((&packet.Disconnect{Code: code}).Append(nil, u.client.Version))
	u.peer.End()
	u.phase = offline
	u.peer = nil
}

// compose makes a message that nobody has sent yet.
func (u *user) compose(topic string, qos packet.QoS) *sending {
	s := &sending{id: len(u.messages), from: u, topic: topic, qos: qos, sent: never}
	s.payload = fmt.Sprintf("m%d;", s.id)
	if u.rng.IntN(8) == 0 {
		s.payload += string(make([]byte, u.rng.IntN(600)))
	}
	u.world.messages = append(u.world.messages, s)
	return s
}

func (u *user) publish() {
	qos := packet.QoS(u.rng.IntN(3))
	topic := []string{"t/1", "t/1", "t/2", "u/1", "s/1", "s/2"}[u.rng.IntN(6)]
	retain := u.rng.IntN(5) == 0
	if retain {
		// Always the same: what is sent again with QoS 1 would be retained again,
		// after what was sent later with QoS 2.
		qos = u.retaining
		topic = "r/" + u.name[len(u.name)-1:]
	}
	if qos > packet.QoS0 && u.client.Room() < 1 {
		return
	}
	s := u.compose(topic, qos)
	p := packet.Publish{Topic: []byte(topic), QoS: qos, Retain: retain, Payload: []byte(s.payload)}
	s.retain = retain
	if retain && u.rng.IntN(6) == 0 {
		s.empty, p.Payload = true, nil
	}
	if u.v5() && !retain && u.rng.IntN(12) == 0 {
		s.expires, p.HasMessageExpiry, p.MessageExpiry = true, true, uint32(u.rng.IntN(20))
	}
	s.sent, s.sends, s.attempt = u.tick(), 1, u.attempt
	if qos == packet.QoS0 {
		u.unheard = append(u.unheard, s)
	}
	u.happened.messages++
	u.recorder.Printf("%s publishes m%d on %s, QoS %d, retain %v, empty %v, expires %v", u.name, s.id, topic, qos, retain, s.empty, s.expires)
	u.peer.Send(u.client.Publish(p, s))
}

func (u *user) subscribe(filters []*filter) {
	if len(filters) == 0 {
		return
	}
	p := &packet.Subscribe{}
	now := u.tick()
	for _, f := range filters {
		if p.SubscriptionID != 0 && f.id != p.SubscriptionID || len(p.Filters) > 0 && p.SubscriptionID == 0 && f.id != 0 {
			continue // one packet has one Subscription Identifier
		}
		p.SubscriptionID = f.id
		p.Filters = append(p.Filters, packet.TopicFilter{Filter: []byte(f.name), SubscriptionOptions: packet.SubscriptionOptions{
			QoS: f.asks, NoLocal: f.noLocal, RetainAsPublished: f.asPublished,
		}})
		u.subscriptions = append(u.subscriptions, &subscription{filter: f, life: u.life, from: now, sure: never, until: never, gone: never})
		u.expectReplay(f, now)
		u.recorder.Printf("%s subscribes %s with QoS %d", u.name, f.name, f.asks)
	}
	u.peer.Send(u.client.Subscribe(p))
}

func (u *user) unsubscribe(filters []*filter) {
	if len(filters) == 0 || u.phase != online {
		return
	}
	p := &packet.Unsubscribe{}
	now := u.tick()
	for _, f := range filters {
		p.Filters = append(p.Filters, []byte(f.name))
		u.recorder.Printf("%s unsubscribes %s", u.name, f.name)
		for _, s := range u.subscriptions {
			if s.name == f.name {
				s.until = min(s.until, now)
			}
		}
	}
	u.asking[p] = now
	u.peer.Send(u.client.Unsubscribe(p))
}

func (u *user) ping() {
	if u.asked == nil && u.pings == 0 {
		u.asked, u.unheard = u.unheard, nil
	}
	u.pings++
	u.peer.Send((&packet.Pingreq{}).Append(nil, u.client.Version))
}

// flushQoS0 asks the Server for a sign that it has what was sent with QoS 0.
func (u *user) flushQoS0() {
	if u.phase == online {
		u.ping()
		u.calm()
		u.ping()
	}
}

// answer sends acknowledgements that are due.
func (u *user) answer(n int) {
	if u.phase == online {
		u.peer.Send(u.client.Answer(n))
	}
}

// quiet tells whether the user waits for nothing.
func (u *user) quiet() bool {
	return u.phase == offline || u.phase == online && !u.peer.Unread() && u.client.Owes() == 0 && u.client.Unacked() == 0
}
