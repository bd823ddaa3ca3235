package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/routing"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/eventloop"
	"github.com/troupemq/troupe/internal/rate"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// Env is what the links of one instance share.
type Env struct {
	Root    *actor.RootContext
	Loops   []eventloop.Loop
	Attach  func(eventloop.Conn, eventloop.Loop, eventloop.Handler) (eventloop.Stream, error)
	Clients *routing.Clients
	Limits  *session.Limits        // of the instance
	Release func(*message.Packets) // gives a buffer back that was written
	Rate    *rate.Share            // of all who send to the instance; nil: any
	// Instance tells this broker from others.
	Instance string
}

// Upstream is where a link goes.
type Upstream interface {
	Name() string // without credentials
	ClientID() string
	Username() string // empty: none
	Password() []byte // nil: none
	Dial(ctx context.Context) (net.Conn, error)
}

// Options are what one link is made of.
type Options struct {
	Bridge   *actor.PID // who is told
	Config   configs.Bridge
	Upstream Upstream
	Probe    bool // it only tries the upstream
	Figures  *message.BridgeFigures
	Former   []string // Topic Filters to give up, if the upstream has kept the Session
}

// phase is how far a link has come.
type phase uint8

const (
	dialing     phase = iota
	connecting        // CONNECT is sent
	subscribing       // SUBSCRIBE is
	ready
	carrying // the Session was asked for
	leaving
	over
)

// leaveMost is how long, in milliseconds, what is in flight may take to be completed when a link is left.
const leaveMost = 5_000

// Link is the actor.
type Link struct {
	env     *Env
	o       Options
	loop    eventloop.Loop
	mailbox *system.Mailbox
	root    *actor.RootContext
	id      string // Client Identifier of the Session
	cancel  context.CancelFunc

	phase   phase
	rules   *rules
	version packet.Version
	plain   bool // do not say that this is a bridge: the upstream does not take that
	stream  eventloop.Stream
	upper   terms // of the upstream

	session *actor.PID // nil: it does not serve this link (yet)
	epoch   uint32
	held    bool // the session took the credit to read
	waits   bool // for its turn to read, when the instance is at its rate
	present bool // the upstream has a Session

	in      input
	out     output
	open    flights
	health  health
	pace    pace
	timer   eventloop.Timer
	armed   int64 // Unix ms it is set to
	leaveBy int64 // Unix ms
}

// terms are what the upstream has said in CONNACK.
type terms struct {
	receiveMaximum int
	maximumQoS     packet.QoS
	maximumSize    int
	noRetain       bool
	keepAlive      int64 // milliseconds; 0: none
}

// New makes the actor of a link. It runs on the loop of the Session of the bridge.
func New(env *Env, o Options, mailbox *system.Mailbox) *Link {
	return &Link{env: env, o: o, mailbox: mailbox, root: env.Root, id: message.BridgePrefix + o.Config.Name}
}

// Messages of a link to itself.
type (
	tick   struct{}
	dialed struct {
		conn net.Conn
		err  error
	}
)

// Undelivered closes a connection that nobody waits for any more.
func (d *dialed) Undelivered() {
	if d.conn != nil {
		_ = d.conn.Close()
	}
}

// Receive implements actor.Actor.
func (l *Link) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		l.start()
	case *dialed:
		l.dialed(m)
	case eventloop.Events:
		l.events(m)
	case *message.Packets:
		l.forward(m)
	case *message.Attached:
		l.attached(m)
	case *message.Reading:
		l.held = !m.On
		l.health.resume(l.now())
		l.interest()
		l.arm()
	case *message.Close:
		l.let(errLet)
	case turn:
		l.turn()
	case Carry:
		l.carry()
	case Leave:
		l.leave()
	case tick:
		l.tick()
	case *actor.Stopping:
		l.stop()
	}
}

// Ready implements eventloop.Handler.
func (l *Link) Ready(e eventloop.Events) { l.mailbox.Post(e) }

// Expire implements eventloop.Alarm.
func (l *Link) Expire() { l.mailbox.Post(tick{}) }

func (l *Link) now() int64 { return l.loop.Now() }

func (l *Link) start() {
	_, number := l.env.Clients.Registry([]byte(l.id))
	l.loop = l.env.Loops[number%len(l.env.Loops)]
	l.timer.Init(l)
	l.version = packet.Version(l.o.Config.Protocol)
	var err error
	if l.rules, err = compile(&l.o.Config, l.env.Instance); err != nil {
		l.end(err)
		return
	}
	l.pace = newPace(l.o.Config.Rate)
	l.dial()
}

// dial connects on a goroutine.
func (l *Link) dial() {
	ctx, cancel := context.WithTimeout(context.Background(), l.o.Config.ConnectTimeout.Std())
	l.cancel = cancel
	self, root, to := l.mailbox.PID(), l.root, l.o.Upstream
	go func() {
		defer cancel()
		conn, err := to.Dial(ctx)
		root.Send(self, &dialed{conn, err})
	}()
}

func (l *Link) dialed(m *dialed) {
	l.cancel = nil
	if l.phase == over {
		m.Undelivered()
		return
	}
	if m.err != nil {
		l.end(m.err)
		return
	}
	stream, err := l.env.Attach(m.conn, l.loop, l)
	if err != nil {
		l.end(err)
		return
	}
	l.stream = stream
	l.phase = connecting
	l.health.begin(l.now(), l.o.Config.ConnectTimeout.Std().Milliseconds())
	l.out.b = l.connect(l.out.b)
	l.flush()
	l.arm()
}

// carry takes the Session of the bridge.
func (l *Link) carry() {
	if l.phase != ready || l.o.Probe {
		return
	}
	l.phase = carrying
	registry, _ := l.env.Clients.Registry([]byte(l.id))
	name := l.o.Upstream.Name()
	if l.o.Config.SharedSession {
		name = "cluster"
	}
	l.root.Send(registry, &message.Connect{
		Connection: l.mailbox.PID(), Address: l.o.Upstream.Name(), Listener: "bridge",
		Packet: &packet.Connect{
			Version: packet.V5, ClientID: []byte(l.id), HasSessionExpiry: true, SessionExpiry: session.NoExpiry,
			ReceiveMaximum: uint16(min(l.o.Config.MaxInflight, l.upper.receiveMaximum)),
		},
		Attachment: session.Attachment{Peer: &session.Peer{Name: name, Present: l.present, Once: l.o.Config.Resend == configs.ResendAtMostOnce}},
	})
}

// attached begins to carry.
func (l *Link) attached(m *message.Attached) {
	if l.phase == over {
		l.root.Send(m.Session, &message.Detached{Epoch: m.Epoch})
		return
	}
	l.session, l.epoch = m.Session, m.Epoch
	l.root.Send(l.o.Bridge, &Carries{Link: l.mailbox.PID()})
	l.say("1")
	if early := l.in.early; len(early) > 0 {
		l.in.early = nil
		l.health.resume(l.now())
		l.take(early)
	}
	l.flush()
	if l.phase == leaving {
		l.hush()
	}
	l.interest()
}

var (
	errLet     = errors.New("the session of the bridge has let go of the link")
	errLeft    = errors.New("the upstream did not complete what was in flight in time, when it was to be left")
	errClosed  = errors.New("the upstream closed the connection")
	errTimeout = errors.New("the upstream did not let the bridge in within connect_timeout")
)

// end is the end of the link by itself: the bridge is told, and the actor stops.
func (l *Link) end(cause error) { l.endWith(&Ended{Cause: cause}) }

func (l *Link) endWith(m *Ended) {
	if l.phase == over {
		return
	}
	if m.Cause != nil {
		m.Cause = fmt.Errorf("upstream %s: %w", l.o.Upstream.Name(), m.Cause)
	}
	l.close(m.Cause)
	m.Link = l.mailbox.PID()
	l.root.Send(l.o.Bridge, m)
	l.root.Stop(l.mailbox.PID())
}

// stop is the end by the bridge's wish.
func (l *Link) stop() {
	if l.phase == over {
		return
	}
	if l.phase > connecting {
		l.goodbye()
	}
	l.close(nil)
}

// let ends the link because the session does not want it any more; with nil the broker is shutting down.
func (l *Link) let(cause error) {
	if l.phase == over {
		return
	}
	l.goodbye()
	l.endWith(&Ended{Cause: cause, Clean: cause == nil && !l.open.any()})
}

// goodbye is the last word to the upstream.
func (l *Link) goodbye() {
	if l.session != nil {
		l.say("0")
	}
	l.out.b = (&packet.Disconnect{}).Append(l.out.b, l.version)
	l.flush()
}

func (l *Link) close(cause error) {
	asked := l.phase
	l.phase = over
	l.leaveLine()
	if l.cancel != nil {
		l.cancel()
	}
	if l.loop != nil {
		l.loop.Stop(&l.timer)
	}
	if l.stream != nil {
		_ = l.stream.Close()
	}
	registry, _ := l.env.Clients.Registry([]byte(l.id))
	switch {
	case l.session != nil:
		l.root.Send(l.session, &message.Detached{Epoch: l.epoch, Cause: cause})
	case asked >= carrying && asked < over:
		l.root.Send(registry, &message.Abandoned{ClientID: l.id, Connection: l.mailbox.PID()})
	}
	l.session = nil
}

// say publishes on the state topic of the bridge at the upstream.
func (l *Link) say(state string) {
	if topic := l.o.Config.StateTopic; topic != "" {
		p := packet.Publish{Topic: []byte(topic), Payload: []byte(state), Retain: !l.upper.noRetain}
		l.out.b = p.Append(l.out.b, l.version)
	}
}

// leave begins to leave the upstream in order.
func (l *Link) leave() {
	if l.phase != carrying && l.phase != ready {
		return
	}
	l.phase, l.leaveBy = leaving, l.now()+leaveMost
	l.leaveLine()
	if l.o.Config.Resend == configs.ResendAtMostOnce {
		l.release() // the session takes them for sent, and would not send them again
	} else {
		l.forget()
	}
	if l.session != nil || l.o.Probe {
		l.hush()
	}
	l.arm()
}

// hush takes nothing more from either side: the session is told that the connection takes no more, the upstream that
// nothing is wanted.
func (l *Link) hush() {
	if l.session != nil {
		l.root.Send(l.session, &message.Congestion{Epoch: l.epoch, On: true})
	}
	if len(l.rules.filters) > 0 {
		l.out.b = l.unsubscribe(l.out.b, l.rules.filters)
		l.open.unsubscribing = true
	}
	l.flush()
	l.left()
}

// left ends the link once nothing is open any more.
func (l *Link) left() {
	if l.phase != leaving || l.open.any() || l.open.unsubscribing || len(l.out.b) > 0 || l.pace.waiting() {
		return
	}
	l.goodbye()
	l.endWith(&Ended{Clean: true})
}

// elapsed is a time for people.
func elapsed(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }
