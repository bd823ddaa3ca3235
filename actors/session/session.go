// Package session holds the session actor: one per MQTT Session, connected or
// not. It speaks MQTT, its connection speaks bytes.
//
// The rules of the protocol are not here but in protocol/session, which is
// pure; the actor hands that core what arrives and carries out what it wants:
// frames to the connection, messages to the receivers' sessions, Topic Filters
// to the shards.
package session

import (
	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/routing"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/internal/eventloop"
	"github.com/troupemq/troupe/internal/hooks"
	"github.com/troupemq/troupe/protocol/packet"
	core "github.com/troupemq/troupe/protocol/session"
)

// State is what outlives a failure of the session's actor: the Session of the
// protocol, its place in the topic index, and what the shards have not
// confirmed. Whoever spawns the actor makes it and keeps it for restarts. It is
// 240 bytes; what an idle Session does not need is apart, and not there then.
type State struct {
	core        core.Session
	own         message.Receiver   // of a Session that is not durable; its Mailbox is the actor's in any case
	publisher   *routing.Publisher // once it published; with the fan-outs that are under way
	changes     *changes           // nil while none is under way
	waiting     *waiting           // nil while nothing waits, or a little longer
	uncommitted *uncommitted       // nil while all that was published is committed
	durable     *durable           // nil unless the Session is kept in a store
	bridging    *bridging          // nil unless it is that of a bridge
	connects    uint32             // Connect messages seen
	epoch       uint32             // of the Network Connection; never used twice, so that an old one is not heard
}

// changes are those of subscriptions that are under way, and what waits for
// them.
type changes struct {
	pending   []change
	line      []step            // what the Client did behind changes that are not confirmed
	replaying int               // slices of retained messages that will still come
	replays   []*message.Replay // to be asked for when the Client has taken enough
}

// waiting is the backlog as last added to the counters.
type waiting struct {
	messages    int64
	bytes       int64
	resident    int64              // bytes that are in memory
	overflowing bool               // the queue drops, and that was logged
	publishers  []*message.Barrier // of publishers that wait until the Session is not strained any more
}

// NewState makes the state of a new Session.
func NewState(env *Env, clientID string) *State {
	s := new(State)
	s.core.Init(clientID, env.limits(clientID))
	s.own.ID, s.own.Bridge = env.Numbers.Add(1), message.OfBridge(clientID)
	return s
}

// Session is the actor: 96 bytes beside its State.
type Session struct {
	*State
	env *Env

	connection *actor.PID
	address    string           // of the peer, for logs
	who        *who             // is attached, if anybody wants to know
	packets    *message.Packets // to the connection, not handed over yet
	closing    *core.Close      // why the connection is being closed
	timer      *eventloop.Timer
	armed      int64 // Unix ms the timer is set to, 0: not

	reported uint32 // 1 + connects when the registry was last told of the end
	paused   bool   // the connection was told not to read
	held     bool   // what was written waits for the loop's word
	routed   bool   // it published since it last spoke
	denied   bool   // the Client was denied something, and that was logged
	draining bool   // say good-bye as soon as nothing waits
	ended    bool
}

// who is a Client that may be asked again who he is, or of whom hooks are told.
type who struct {
	auth.Client
	exchange auth.Exchange // re-authentication in progress
}

// New makes the actor of a Session; mailbox is its own.
func New(env *Env, state *State, mailbox message.Mailbox) *Session {
	if state.own.Mailbox == nil { // publishers have it: it is the same after a restart
		state.own.Mailbox = mailbox
	}
	return &Session{State: state, env: env}
}

// receiver is what the topic index has of the Session.
func (s *State) receiver() *message.Receiver {
	if s.durable != nil {
		return &s.durable.door.Receiver
	}
	return &s.own
}

// self is the actor.
func (s *State) self() *actor.PID { return s.own.Mailbox.(*system.Mailbox).PID() }

// publishing is what routes the Client's messages.
func (s *Session) publishing() *routing.Publisher {
	if s.publisher == nil {
		p := routing.NewPublisher(s.env.Tables, s.self(), s.receiver().ID)
		s.publisher = &p
	}
	return s.publisher
}

// changing is the changes under way, to be added to.
func (s *Session) changing() *changes {
	if s.changes == nil {
		s.changes = new(changes)
	}
	return s.changes
}

// unsettled tells whether a shard has not confirmed something.
func (c *changes) unsettled() bool { return c != nil && len(c.pending) > 0 }

// lined is the length of the line.
func (c *changes) lined() int {
	if c == nil {
		return 0
	}
	return len(c.line)
}

// settled forgets changes of which nothing is left.
func (s *Session) settled() {
	if c := s.changes; c != nil && len(c.pending) == 0 && len(c.line) == 0 && len(c.replays) == 0 && c.replaying == 0 {
		s.changes = nil
	}
}

type tick struct{}

// Receive implements actor.Actor.
func (s *Session) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *message.Frames:
		if m.Epoch == s.epoch && s.connection != nil {
			out := s.begin()
			out.Room, out.Lent = m.Room, m.Lent
			s.core.Receive(m.Bytes, s.env.Loop.Now(), out)
			s.apply()
			m.Lent.Release()
		}
	case *message.Deliver:
		s.deliver(m)
	case system.Drained:
		if !s.hold() {
			s.flush()
		}
		s.more()
		s.leave()
	case *message.Barrier:
		s.barrier(m)
	case *message.Credit:
		s.publisher.Credit(m.Receiver)
		s.pace()
	case message.Continue:
		s.publisher.Continue()
		s.pace()
		s.finish()
	case *message.Congestion:
		if m.Epoch == s.epoch && s.connection != nil {
			s.core.Congest(m.On, s.env.Loop.Now(), s.begin())
			s.apply()
		}
	case *message.Subscribed:
		s.subscribed(m)
	case *message.Retained:
		s.retained(m)
	case *message.Resubscribe:
		s.repeat(m.Shard)
	case *message.Connect:
		s.connect(m)
	case *message.Detached:
		if m.Epoch == s.epoch && s.connection != nil {
			s.detach(m.Cause)
		}
	case *message.Abandoned:
		if s.connection != nil && s.connection.Equal(m.Connection) {
			s.detach(nil)
		} else {
			s.abandon(m.Connection)
		}
	case *message.Disconnect:
		s.expel(m)
	case *message.Violation:
		if m.Epoch == s.epoch && s.connection != nil {
			s.disconnect(m.Code, m.Cause)
		}
	case *judged:
		if m.epoch == s.epoch && s.connection != nil {
			s.core.Authenticated(m.result, s.begin())
			s.apply()
		}
	case *message.Establish:
		s.establish(m)
	case *message.Retire:
		s.retire(m)
	case *message.Judge:
		s.rejudge(m)
	case *message.Settled:
		s.acknowledge()
	case *message.Collect:
		s.collect(m)
	case *message.Committed:
		s.committed(m)
	case *message.Waived:
		s.waived(m)
	case *message.Loaded:
		s.loaded(m)
	case tick:
		s.tick()
	case late:
		s.held, s.routed = false, false // what was held goes with the Drained that follows
	case *message.End:
		s.end(m.Code, m.Ticket)
	case *message.Drain:
		s.draining = true
	case *message.Shutdown:
		if s.connection != nil {
			s.disconnect(packet.ServerShuttingDown, nil)
		}
	case *actor.Started:
		s.start()
	case *actor.Restarting:
		s.stop()
	case *actor.Stopping:
		s.stop()
		s.publisher.End()
		if s.durable == nil || !s.durable.asleep {
			s.forget()
			s.exist(-1)
			s.gauge(0, 0)
			s.reside(0)
		}
	}
}

// start runs for a new Session and again after a failure of the actor, which
// is to the Session as a lost connection: what was acknowledged stays.
func (s *Session) start() {
	switch d := s.durable; {
	case d != nil && !d.begun:
		s.awake()
		return
	case d == nil && s.connects == 0:
		s.exist(1)
		return
	case d == nil && s.epoch == 0: // it waits for the end of the Session before, and may have ended meanwhile
		s.core.Recover(s.env.Loop.Now(), s.begin())
		s.apply()
		return
	}
	s.purge()
	ended := s.core.Ended()
	s.core.Recover(s.env.Loop.Now(), s.begin())
	if !ended {
		s.over(hooks.Closed)
	}
	s.apply() // and what is left in line
	s.repeat(everyShard)
	if s.publisher.Busy() { // it may have been the Continue that was lost
		s.env.Root.Send(s.self(), message.Continue{})
	}
}

// stop leaves nothing behind that points to this actor. The connection closes
// and finds its Session again by another CONNECT.
func (s *Session) stop() {
	s.relieve()
	s.unhold()
	if d := s.durable; d != nil {
		d.ending.Release()
		d.ending = nil
	}
	if u := s.uncommitted; u != nil {
		u.next.Release()
		u.next = nil
	}
	if s.connection != nil {
		s.env.Root.Send(s.connection, &message.Close{})
		s.disconnected(s.closing, nil)
		s.connection = nil
		s.online(false)
	}
	if s.timer != nil {
		s.env.Loop.Stop(s.timer)
	}
}

// forget takes a Session that failed too often out of the topic index: nobody
// else knows where it is in there.
func (s *Session) forget() {
	if s.ended || s.draining { // nothing is left, or the index ends as well
		return
	}
	var filters []message.Filter
	for sub := range s.core.Subscriptions() {
		filters = append(filters, message.Filter{Name: sub.Filter})
	}
	s.send(0, true, filters)
}

func (s *Session) deliver(m *message.Deliver) {
	now, out, taken := s.env.Loop.Now(), s.begin(), false
	if m.Ticket != nil {
		defer func() {
			if !taken { // it failed: nobody is to wait for it
				m.Ticket.Release()
			}
		}()
		s.core.Under(m.Ticket)
	}
	for _, run := range m.Runs {
		s.core.Deliver(run, m.Terms, now, out)
	}
	s.core.Under(nil)
	s.owe(m.Ticket)
	s.stir()
	s.apply()
	taken = true
	s.env.Tables.Delivered(m)
}

// leave says good-bye when the instance drains and nothing waits any more.
func (s *Session) leave() {
	if !s.draining || s.connection == nil || s.closing != nil {
		return
	}
	if messages, _ := s.core.Backlog(); messages == 0 && s.core.Inflight() == 0 {
		s.disconnect(packet.ServerShuttingDown, nil)
		s.flush()
	}
}

func (s *Session) tick() {
	s.armed = 0
	s.publisher.Recheck()
	s.pace()
	s.core.Tick(s.env.Loop.Now(), s.begin())
	if s.env.out.Ended && !s.ended {
		s.env.Counters.ClientsExpired.Add(1)
	}
	s.over(hooks.Expired)
	s.apply()
	if w := s.waiting; w != nil && w.messages == 0 && w.bytes == 0 && w.resident == 0 && !w.overflowing && w.publishers == nil {
		s.waiting = nil
	}
	s.rest()
}

// arm sets the timer to when the core, or a publisher held up by a receiver,
// wants to be looked at.
func (s *Session) arm() {
	at := s.core.Next()
	if d := s.durable; d != nil && d.restAt != 0 && (at == 0 || d.restAt < at) {
		at = d.restAt
	}
	if s.publisher.Blocked() {
		if soon := s.env.Loop.Now() + recheckAfter; at == 0 || soon < at {
			at = soon
		}
	}
	if at == s.armed || at == 0 && s.armed == 0 {
		return
	}
	if at != 0 && s.armed != 0 && s.armed <= at {
		return // fires early and is set again then
	}
	s.armed = at
	if at == 0 {
		s.env.Loop.Stop(s.timer)
		return
	}
	if s.timer == nil {
		self, root := s.self(), s.env.Root
		s.timer = eventloop.NewTimer(func() { root.Send(self, tick{}) })
	}
	s.env.Loop.Start(s.timer, at)
}

// recheckAfter is how long, in milliseconds, a publisher waits at most for a
// receiver that died before it answered.
const recheckAfter = 100

// lineMost is the length of the line at which the Client is not read further.
const lineMost = 64

// pace gives or takes the connection's credit to read.
func (s *Session) pace() {
	if blocked := s.publisher.Blocked() || s.changes.lined() >= lineMost || s.uncommitted.full(); blocked != s.paused && s.connection != nil {
		s.paused = blocked
		s.env.Root.Send(s.connection, &message.Reading{On: !blocked})
	}
}

// exist counts the Session; that of a bridge is no Client's.
func (s *Session) exist(n int64) {
	if !s.receiver().Bridge {
		s.env.Counters.Sessions.Add(n)
	}
}

func (s *Session) online(on bool) {
	if s.receiver().Online.Swap(on) == on || s.receiver().Bridge {
		return
	}
	if on {
		s.env.Counters.Connected()
	} else {
		s.env.Counters.ClientsConnected.Add(-1)
	}
}

func (s *Session) log() *zap.Logger {
	return s.env.Log.With(zap.String("client", s.core.ClientID()))
}
