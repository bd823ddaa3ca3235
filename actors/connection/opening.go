package connection

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/internal/eventloop"
	"github.com/troupemq/troupe/protocol/packet"
	core "github.com/troupemq/troupe/protocol/session"
)

// opening is what a connection holds until a session serves it: from the
// accept over CONNECT and authentication to [message.Attached].
type opening struct {
	listener   *Listener
	accepted   eventloop.Conn // until Started
	peer       eventloop.Conn // the same, to ask for the certificate
	address    string         // of the peer
	handshake  core.Handshake
	out        core.Output
	connect    *packet.Connect // a part of handshake, once it was accepted
	message    message.Connect // that asks for the session
	attachment core.Attachment
	exchange   auth.Exchange
	who        *auth.Client // that was asked about, without password; nil if nobody else wants to know
	registry   *actor.PID   // once the session was asked for
	waiting    bool         // for the host's judgement, or for the session: nothing is read
}

// takeOpening gives an empty one. Most are used again: the next Client comes
// when this one is through.
func (e *Env) takeOpening() *opening {
	if o, ok := e.openings.Get().(*opening); ok {
		return o
	}
	return new(opening)
}

func (e *Env) giveOpening(o *opening) {
	o.out.Reset()
	o.handshake.Reset()
	*o = opening{out: core.Output{Packets: o.out.Packets}, handshake: o.handshake}
	e.openings.Put(o)
}

// admitted is what was found out about who sent a CONNECT.
type admitted struct{ auth.Verdict }

// judged is what the authenticator says to a step of an AUTH exchange.
type judged struct{ result core.AuthResult }

// moved comes to a connection that went over to the loop of its Client.
type moved struct{}

// open takes what was read before there is a session: one packet at a time,
// since each may have to be judged before the next counts.
func (c *Connection) open(b []byte) {
	o := c.opening
	for len(b) > 0 {
		if o.waiting {
			c.keepPartial(append(c.takePartial(), b...), 0)
			return
		}
		h, ok, err := packet.ReadHeader(b, c.env.Limits.MaxPacketSize)
		if err != nil {
			c.refused(err)
			c.lost(err)
			return
		}
		if !ok || len(b) < h.FrameSize() {
			size := 0
			if ok {
				size = h.FrameSize()
			}
			c.keepPartial(append([]byte(nil), b...), size)
			return
		}
		o.out.Reset()
		o.handshake.Receive(b[:h.FrameSize()], c.env.Limits, &o.out)
		b = b[h.FrameSize():]
		c.proceed()
		if c.closed || c.closing {
			return
		}
	}
}

// proceed carries out what the handshake wants.
func (c *Connection) proceed() {
	o := c.opening
	c.env.Counters.PacketsReceived.Add(int64(o.out.Counts.Packets))
	c.say(o.out.Packets)
	switch {
	case c.closed:
	case o.out.Close != nil:
		c.refused(o.out.Close.Err)
		c.said = len(o.out.Packets) > 0
		c.finish()
	case o.out.Authenticate != nil:
		c.exchange(o.out.Authenticate)
	case o.connect == nil && o.handshake.Accepted() != nil:
		o.connect = o.handshake.Accepted()
		o.attachment = o.handshake.Attachment()
		if len(o.connect.ClientID) == 0 { // [MQTT-3.1.3-6], [MQTT-3.1.3-7]
			o.connect.ClientID = []byte(c.env.NewClientID())
			o.attachment.AssignedClientID = true
		}
		o.waiting = true
		c.authenticate()
	}
}

// say writes frames that no session wrote.
func (c *Connection) say(frames []byte) {
	if len(frames) > 0 {
		c.write(&message.Packets{B: append([]byte(nil), frames...)})
	}
}

// authenticate asks who the Client is and what it may do.
func (c *Connection) authenticate() {
	o := c.opening
	client, err := c.client(o.connect)
	if err == nil && o.connect.AuthMethod == nil {
		err = c.ask(client)
	}
	if err != nil {
		c.admit(&admitted{auth.Verdict{Err: err}})
		return
	}
	c.note(client)
	question := auth.Question{
		Client: client, Named: o.connect.Username != nil, Anonymous: o.listener.AllowAnonymous,
		Proven: o.connect.AuthMethod != nil,
	}
	if v, ok := c.env.Auth.AtOnce(question); ok {
		c.admit(&admitted{v})
		return
	}
	self, root := c.mailbox.PID(), c.env.Root
	c.env.Auth.Ask(question, c.connectTimeout(), func(v auth.Verdict) { root.Send(self, &admitted{v}) })
}

func (c *Connection) connectTimeout() time.Duration {
	return time.Duration(c.env.ConnectTimeout) * time.Millisecond
}

func (c *Connection) client(connect *packet.Connect) (auth.Client, error) {
	o := c.opening
	return o.certified(auth.Client{
		ID: string(connect.ClientID), Username: string(connect.Username), Password: bytes.Clone(connect.Password),
		Version: connect.Version, Address: o.address, Listener: o.listener.Name,
	})
}

// errChanged is for who was let in by what holds no more: it may come again, and is
// judged anew.
var errChanged = &auth.Refusal{Code: packet.ServerBusy, Reason: "users or rules have changed while the client was judged"}

// errLate is for who could not be judged in time, by no fault of its own.
var errLate = &auth.Refusal{Code: packet.ServerBusy, Reason: "the client could not be judged within limits.connect_timeout"}

// judging tells whether the Client has done its part, and waits for the answer to
// it.
func (o *opening) judging() bool {
	return o.waiting && o.registry == nil && o.handshake.Connect() != nil
}

// admit lets a Client in, or answers CONNACK with why not [MQTT-3.1.4-2].
func (c *Connection) admit(m *admitted) {
	o := c.opening
	if c.closed || c.closing || o == nil {
		return
	}
	code, cause := packet.Success, m.Err
	if cause == nil && m.Admission != nil && !m.Admission.Holds() {
		cause = errChanged
	}
	switch {
	case cause != nil:
		code = auth.CodeOf(cause)
	case !core.MayLeave(m.Permissions, o.connect.Will):
		code, cause = packet.NotAuthorized, fmt.Errorf("the client has no right to publish its Will to %q", o.connect.Will.Topic)
	case c.env.Refuse != nil:
		code = c.env.Refuse(o.connect)
	}
	if code != packet.Success {
		o.out.Reset()
		o.handshake.Refuse(code, &o.out)
		c.refused(cause)
		c.say(o.out.Packets)
		c.said = true
		c.finish()
		return
	}
	c.told()
	if m.Permissions != nil || m.Admission != nil {
		o.attachment.Policy = &core.Policy{Permissions: m.Permissions, Admission: m.Admission}
	}
	_, number := c.env.Clients.Registry(o.connect.ClientID)
	loop := c.env.Loops[number%len(c.env.Loops)]
	if loop == c.on() {
		c.arrive()
		return
	}
	// All that belongs to a Client lives on one loop. The rest of this
	// connection's life is there, from the next message on.
	c.on().Stop(&c.timer)
	c.stream.Move(loop)
	c.mailbox.Move(loop)
	c.loop = uint16(number % len(c.env.Loops))
	c.mailbox.Post(moved{})
}

// arrive asks for the Client's session, on the loop where it lives.
func (c *Connection) arrive() {
	o := c.opening
	if c.closed || c.closing {
		return
	}
	if !c.timer.Armed() {
		c.on().Start(&c.timer, c.on().Now()+c.env.ConnectTimeout)
	}
	registry, _ := c.env.Clients.Registry(o.connect.ClientID)
	o.registry = registry
	o.message = message.Connect{
		Connection: c.mailbox.PID(), Packet: o.connect, Attachment: o.attachment,
		Address: o.address, Listener: o.listener.Name, Client: o.who,
	}
	c.env.Root.Send(registry, &o.message)
}

// exchange has one packet of an AUTH exchange judged.
func (c *Connection) exchange(step *core.AuthStep) {
	o := c.opening
	if step.First {
		client, err := o.certified(auth.Client{Address: o.address, Listener: o.listener.Name, Version: packet.V5})
		if err != nil {
			c.judge(&judged{core.AuthResult{Code: packet.NotAuthorized}})
			return
		}
		if err := c.askEarly(); err != nil {
			c.judge(&judged{core.AuthResult{Code: auth.CodeOf(err)}})
			return
		}
		o.exchange = c.env.Auth.Exchange(client, step.Method)
	}
	if o.exchange == nil {
		c.judge(&judged{core.AuthResult{Code: packet.BadAuthenticationMethod}})
		return
	}
	o.waiting = true
	self, root, next, data := c.mailbox.PID(), c.env.Root, o.exchange, append([]byte(nil), step.Data...)
	auth.Ask(c.connectTimeout(),
		func(ctx context.Context) core.AuthResult { return next(ctx, data) },
		func(any) core.AuthResult { return core.AuthResult{Code: packet.UnspecifiedError} },
		func(r core.AuthResult) { root.Send(self, &judged{r}) })
}

// judge goes on with the exchange as the authenticator decided.
func (c *Connection) judge(m *judged) {
	o := c.opening
	if c.closed || c.closing || o == nil {
		return
	}
	o.waiting = false
	o.out.Reset()
	o.handshake.Authenticated(m.result, &o.out)
	c.proceed()
	if c.closed || o.waiting { // it may belong to another loop by now
		return
	}
	if b := c.takePartial(); len(b) > 0 {
		c.open(b)
	}
	c.interest()
}

// refused counts and logs a Client that was not let in.
func (c *Connection) refused(cause error) {
	c.env.Counters.ConnectionsRefused.Add(1)
	o := c.opening
	fields := []zap.Field{zap.String("address", o.address), zap.String("listener", o.listener.Name)}
	if connect := o.connect; connect != nil {
		fields = append(fields, zap.String("client", string(connect.ClientID)))
		if len(connect.Username) > 0 {
			fields = append(fields, zap.String("username", string(connect.Username)))
		}
	}
	if cause != nil {
		fields = append(fields, zap.Error(cause))
	}
	c.env.Log.Info("client refused", fields...)
}

var _ eventloop.Handler = (*Connection)(nil)
