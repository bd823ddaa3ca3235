package bridge

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/troupemq/troupe/actors/actortest"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/routing"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/bridge/link"
	"github.com/troupemq/troupe/bridge/upstream"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// scene is a bridge between a registry and links that do what the test says.
type scene struct {
	*testing.T
	*actortest.Stage
	registry *actortest.Witness
	reader   *actortest.Witness
	keeper   *actortest.Witness
	handle   *Handle
	bridge   *actor.PID
	links    []*stub
	up       int
	lines    *observer.ObservedLogs
	topics   map[string]string
}

// stub is a link.
type stub struct {
	Link
	pid   *actor.PID
	got   []any
	ready bool // it has said so
	ended bool
}

// crash has an actor fail.
type crash struct{}

func (l *stub) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started, system.Drained, *actor.Stopped:
	case *actor.Stopping:
		l.ended = true
	case crash:
		panic("the link is broken")
	case *link.Ended:
		ctx.Send(ctx.Parent(), m)
		ctx.Stop(ctx.Self())
	default:
		l.got = append(l.got, m)
	}
}

func settings(t require.TestingT, change func(*configs.Bridge), uris ...string) Settings {
	c := configs.NewBridge("north", uris...)
	c.Forward = []configs.Forward{configs.NewForward("out/#", "")}
	if change != nil {
		change(&c)
	}
	s := Settings{Config: c, ClientID: "troupe-north"}
	for _, e := range c.Endpoints() {
		u, err := upstream.New(e, nil)
		require.NoError(t, err)
		s.Upstreams = append(s.Upstreams, u)
	}
	return s
}

func newScene(t *testing.T, interval int64, of Settings) *scene {
	s := &scene{T: t, Stage: actortest.NewStage(), handle: NewHandle("north"), topics: make(map[string]string)}
	tables := routing.New(s.Root, 2, 1)
	s.registry, s.reader, s.keeper = s.Witness(), s.Witness(), s.Witness()
	tables.Retained[0] = s.keeper.PID
	for _, filter := range []string{"$SYS/#", "state/#"} {
		shard := tables.Shard(filter)
		edit := tables.Snapshot(shard).Edit()
		receiver := s.Receiver(s.reader)
		edit.Put(filter, receiver.ID, tables.Subscription(receiver, &message.Filter{Name: filter}))
		tables.Publish(shard, edit.Commit())
	}
	core, lines := observer.New(zapcore.InfoLevel)
	s.lines = lines
	linkKind := s.System.Kind("link", system.Supervision{})
	o := Options{
		Settings: of, Loop: s.Loop, Clients: &routing.Clients{Registries: []*actor.PID{s.registry.PID}}, Tables: tables,
		Limits: &session.Limits{MaxQoS: packet.QoS2, Instance: "here"}, Handle: s.handle, Up: func() { s.up++ }, Interval: interval,
		Rand: rand.New(rand.NewPCG(1, 1)), Log: zap.New(core),
	}
	o.Spawn = func(ctx actor.Context, l Link) *actor.PID {
		one := &stub{Link: l}
		one.pid = linkKind.SpawnChild(ctx, s.Loop, l.Name, func(*system.Mailbox) actor.Actor { return one })
		s.links = append(s.links, one)
		return one.pid
	}
	kind := s.System.Kind("bridge", system.Supervision{Action: system.Stop})
	var err error
	s.bridge, err = s.System.Spawn(kind, s.Loop, "north", system.Supervision{Action: system.Restart, Limit: 100}, func(m *system.Mailbox) actor.Actor {
		return New(o, m)
	})
	require.NoError(t, err)
	s.Settle()
	t.Cleanup(func() { require.Empty(t, s.Broken()) })
	return s
}

// begun is a bridge whose Session is there.
func begun(t *testing.T, of Settings) *scene {
	s := newScene(t, 0, of)
	s.establish()
	return s
}

// establish answers the one Establish that the bridge has sent.
func (s *scene) establish() *message.Establish {
	s.Helper()
	got := s.registry.Got()
	require.Len(s, got, 1)
	m := got[0].(*message.Establish)
	require.Equal(s, s.bridge, m.Bridge)
	require.Equal(s, "$bridge/north", m.ClientID)
	require.Same(s, &s.handle.Figures, m.Figures)
	s.Send(s.bridge, &message.Established{ClientID: m.ClientID})
	return m
}

// last is the link that was spawned last.
func (s *scene) last() *stub {
	s.Helper()
	require.NotEmpty(s, s.links)
	return s.links[len(s.links)-1]
}

func (s *scene) ready(l *stub) {
	l.ready = true
	s.Send(s.bridge, &link.Ready{Link: l.pid})
}

// carry brings a link up until it carries.
func (s *scene) carry(l *stub) {
	s.Helper()
	s.ready(l)
	require.Equal(s, []any{link.Carry{}}, l.got)
	s.Send(s.bridge, &link.Carries{Link: l.pid})
}

func (s *scene) end(l *stub, e link.Ended) {
	e.Link = l.pid
	s.Send(l.pid, &e)
}

// pass lets time go by in steps, as a loop sees it.
func (s *scene) pass(milliseconds int64) {
	for ; milliseconds > 0; milliseconds -= 100 {
		s.Elapse(min(milliseconds, 100))
		s.Settle()
	}
}

// published is what was last published, by topic.
func (s *scene) published() map[string]string {
	s.Helper()
	for _, m := range s.reader.Got() {
		d, ok := m.(*message.Deliver)
		if !ok {
			continue
		}
		for _, run := range d.Runs {
			var p packet.Publish
			require.NoError(s, p.Decode(run.Frames, run.Version))
			require.True(s, p.Retain)
			s.topics[string(p.Topic)] = string(p.Payload)
		}
	}
	return s.topics
}

func (s *scene) ask(m any, reply <-chan error) error {
	s.Helper()
	s.Send(s.bridge, m)
	select {
	case err := <-reply:
		return err
	default:
		require.Fail(s, "there is no answer")
		return nil
	}
}

func TestBegins(t *testing.T) {
	s := newScene(t, 0, settings(t, nil, "mqtt://a", "mqtt://b"))
	require.Empty(t, s.links, "the Session is not there yet")
	require.Zero(t, s.up)
	m := s.establish()
	require.Equal(t, 1, s.up)
	require.Equal(t, "out/#", m.Subscriptions[0].Filter)
	require.Len(t, s.links, 1)
	require.Equal(t, "mqtt://a", s.last().Upstream.Name())
	require.Equal(t, Connecting, s.handle.Status().State)
	s.carry(s.last())
	status := s.handle.Status()
	require.Equal(t, Connected, status.State)
	require.Equal(t, "mqtt://a", status.Upstream)
	require.Equal(t, s.Loop.Now(), status.Since.UnixMilli())
	require.EqualValues(t, 1, status.Attempts)
	require.Zero(t, status.Switches)
	require.Zero(t, status.Retries)
}

func TestAsksAgainForItsSession(t *testing.T) {
	s := newScene(t, 0, settings(t, nil, "mqtt://a"))
	require.Len(t, s.registry.Got(), 1)
	s.pass(establishIn + 100)
	s.establish()
	require.Len(t, s.links, 1)
	s.pass(3 * establishIn)
	require.Empty(t, s.registry.Got())
}

func TestALostLinkIsFollowedByTheNext(t *testing.T) {
	s := begun(t, settings(t, nil, "mqtt://a", "mqtt://b"))
	s.carry(s.last())
	s.end(s.last(), link.Ended{Cause: errors.New("connection reset")})
	require.Len(t, s.links, 2)
	s.carry(s.last())
	status := s.handle.Status()
	require.Equal(t, "mqtt://b", status.Upstream)
	require.Equal(t, "connection reset", status.LastError)
	require.Equal(t, "connection reset", status.Upstreams[0].LastError)
	require.False(t, status.Upstreams[0].RetryAt.IsZero())
	require.EqualValues(t, 1, status.Switches)
	require.EqualValues(t, 1, status.Retries)
}

// A link that fails says nothing, and is replaced like one that was lost.
func TestALinkFails(t *testing.T) {
	s := begun(t, settings(t, nil, "mqtt://a", "mqtt://b"))
	s.carry(s.last())
	s.Send(s.last().pid, crash{})
	require.Equal(t, 1, len(s.Failures))
	require.Len(t, s.links, 2)
	require.Equal(t, errFailed.Error(), s.handle.Status().LastError)
	s.carry(s.last())
	require.Equal(t, Connected, s.handle.Status().State)
}

// What an ended link had to say counts, though that its actor has ended is heard before.
func TestTheLastWordOfALinkCounts(t *testing.T) {
	s := begun(t, settings(t, nil, "mqtt://a"))
	s.end(s.last(), link.Ended{Cause: errors.New("who are you?"), Code: packet.BadUserNameOrPassword})
	status := s.handle.Status()
	require.Equal(t, Waiting, status.State)
	require.Equal(t, "who are you?", status.LastError)
	require.Equal(t, 1, status.Upstreams[0].Failures)
	require.GreaterOrEqual(t, status.Upstreams[0].RetryAt.UnixMilli()-s.Loop.Now(), int64(15_000), "the longest pause")
	s.pass(31_000)
	require.Len(t, s.links, 2)
}

func TestFailback(t *testing.T) {
	s := begun(t, settings(t, nil, "mqtt://a", "mqtt://b"))
	s.end(s.last(), link.Ended{Cause: errors.New("refused")})
	b := s.last()
	s.carry(b)
	s.pass(1000)
	probe := s.last()
	require.True(t, probe.Probe)
	s.ready(probe)
	s.pass(30_100)
	require.True(t, probe.ended)
	a := s.last()
	require.False(t, a.Probe)
	require.Equal(t, "mqtt://a", a.Upstream.Name())
	require.Equal(t, []any{link.Carry{}}, b.got, "it is not touched yet")
	require.Equal(t, Switching, s.handle.Status().State)
	s.ready(a)
	require.Equal(t, []any{link.Carry{}, link.Leave{}}, b.got)
	require.Empty(t, a.got, "b has not ended")
	s.end(b, link.Ended{Clean: true})
	require.Equal(t, []any{link.Carry{}}, a.got)
	s.Send(s.bridge, &link.Carries{Link: a.pid})
	require.Equal(t, "mqtt://a", s.handle.Status().Upstream)
	line := s.lines.FilterMessage("switched to another upstream").All()
	require.Len(t, line, 1)
	require.Equal(t, "back to a better upstream", line[0].ContextMap()["why"])
	require.Equal(t, "mqtt://b", line[0].ContextMap()["from"])
}

func TestTheBridgeFails(t *testing.T) {
	s := begun(t, settings(t, nil, "mqtt://a", "mqtt://b"))
	old := s.last()
	s.carry(old)
	s.Send(s.bridge, (*message.Credit)(nil))
	require.Equal(t, 1, len(s.Failures))
	require.True(t, old.ended)
	require.Len(t, s.links, 1, "it finds its Session first")
	s.establish()
	require.Equal(t, 1, s.up, "once")
	require.Len(t, s.links, 2)
	s.Send(s.bridge, &link.Ready{Link: old.pid}, &link.Ended{Link: old.pid}, &link.Carries{Link: old.pid}) // it had sent that before
	require.Len(t, s.links, 2)
	s.carry(s.last())
	require.Equal(t, Connected, s.handle.Status().State)
	require.EqualValues(t, 2, s.handle.Status().Attempts)
}

// What the operator wanted holds after a failure too.
func TestTheBridgeFailsWhileItIsPaused(t *testing.T) {
	s := begun(t, settings(t, nil, "mqtt://a"))
	reply := make(chan error, 1)
	require.NoError(t, s.ask(&Pause{reply}, reply))
	s.Send(s.bridge, (*message.Credit)(nil))
	s.establish()
	require.Len(t, s.links, 1)
	require.Equal(t, Paused, s.handle.Status().State)
	require.NoError(t, s.ask(&Resume{reply}, reply))
	require.Len(t, s.links, 2)
}

func TestTheBridgeFailsWhileItDrains(t *testing.T) {
	s := begun(t, settings(t, nil, "mqtt://a"))
	s.carry(s.last())
	s.handle.Figures.Queued.Store(1)
	reply := make(chan error, 1)
	s.Send(s.bridge, &Drain{reply})
	s.establish()
	s.Send(s.bridge, (*message.Credit)(nil))
	require.ErrorIs(t, <-reply, ErrEnded)
	require.Empty(t, s.establish().Subscriptions, "it takes nothing more")
	require.Equal(t, Draining, s.handle.Status().State)
	s.carry(s.last())
	s.handle.Figures.Queued.Store(0)
	s.pass(200)
	require.Equal(t, Paused, s.handle.Status().State)
}

func TestTheLastErrorOutlivesTheActor(t *testing.T) {
	s := begun(t, settings(t, nil, "mqtt://a"))
	s.end(s.last(), link.Ended{Cause: errors.New("refused")})
	s.Send(s.bridge, (*message.Credit)(nil))
	require.Equal(t, "refused", s.handle.Status().LastError)
	require.False(t, s.handle.Status().LastErrorAt.IsZero())
}

// What a link says that was stopped is not heard.
func TestALinkThatWasStoppedIsNotHeard(t *testing.T) {
	s := begun(t, settings(t, nil, "mqtt://a", "mqtt://b"))
	old := s.last()
	reply := make(chan error, 1)
	require.NoError(t, s.ask(&Switch{"mqtt://b", reply}, reply))
	require.True(t, old.ended)
	s.Send(s.bridge, &link.Ready{Link: old.pid}, &link.Carries{Link: old.pid}, &link.Ended{Link: old.pid, Cause: errors.New("late")})
	require.Empty(t, s.Failures)
	require.Len(t, s.links, 2)
	require.Empty(t, s.handle.Status().LastError)
}

// A link that comes up and is lost again and again is worth a few lines; one that has worked is worth one each time.
func TestALinkThatFlapsIsNotLoggedEachTime(t *testing.T) {
	s := begun(t, settings(t, nil, "mqtt://a"))
	lose := func() {
		s.end(s.last(), link.Ended{Cause: errors.New("cut")})
		for n := len(s.links); n == len(s.links) && s.last().ended; {
			s.pass(1000)
		}
	}
	for range 50 {
		s.carry(s.last())
		lose()
	}
	require.Len(t, s.lines.FilterMessage("the link was lost").All(), 1)
	require.Len(t, s.lines.FilterMessage("connected").All(), 2, "before the first loss, and after it")
	for range 3 {
		s.carry(s.last())
		s.pass(15_000)
		lose()
	}
	require.Len(t, s.lines.FilterMessage("the link was lost").All(), 4)
}

func TestPauseAndResume(t *testing.T) {
	s := begun(t, settings(t, nil, "mqtt://a"))
	s.carry(s.last())
	reply := make(chan error, 1)
	require.NoError(t, s.ask(&Pause{reply}, reply))
	require.Equal(t, []any{link.Carry{}, link.Leave{}}, s.last().got)
	s.end(s.last(), link.Ended{Clean: true})
	s.pass(120_000)
	require.Len(t, s.links, 1)
	require.ErrorIs(t, s.ask(&Switch{Reply: reply}, reply), ErrPaused)
	require.ErrorIs(t, s.ask(&Drain{reply}, reply), ErrPaused)
	require.NoError(t, s.ask(&Resume{reply}, reply))
	require.Len(t, s.links, 2)
	require.Empty(t, s.registry.Got(), "the Session is as it was")
}

func TestSwitch(t *testing.T) {
	s := begun(t, settings(t, nil, "mqtt://a", "mqtt://b"))
	s.carry(s.last())
	reply := make(chan error, 1)
	require.ErrorContains(t, s.ask(&Switch{"mqtt://c", reply}, reply), `"mqtt://c": there is no such upstream`)
	require.Error(t, s.ask(&Switch{"mqtt://a", reply}, reply))
	require.NoError(t, s.ask(&Switch{"mqtt://b", reply}, reply))
	require.Equal(t, "mqtt://b", s.last().Upstream.Name())
	require.Equal(t, Switching, s.handle.Status().State)
}

func TestDrain(t *testing.T) {
	s := begun(t, settings(t, nil, "mqtt://a"))
	s.carry(s.last())
	s.handle.Figures.Queued.Store(3)
	reply := make(chan error, 1)
	s.Send(s.bridge, &Drain{reply})
	require.Empty(t, s.establish().Subscriptions)
	require.Equal(t, Draining, s.handle.Status().State)
	s.handle.Figures.Inflight.Store(1)
	s.handle.Figures.Queued.Store(0)
	s.pass(1000)
	require.Empty(t, reply)
	s.handle.Figures.Inflight.Store(0)
	s.pass(200)
	require.NoError(t, <-reply)
	require.Equal(t, Paused, s.handle.Status().State)
	require.Contains(t, s.last().got, link.Leave{})
	require.NoError(t, s.ask(&Resume{reply}, reply))
	require.Len(t, s.establish().Subscriptions, 1)
}

func TestReloadOfTheList(t *testing.T) {
	s := begun(t, settings(t, nil, "mqtt://a", "mqtt://b"))
	a := s.last()
	s.carry(a)
	reply := make(chan error, 1)
	s.Send(s.bridge, &Reload{settings(t, nil, "mqtt://c", "mqtt://a"), reply})
	s.establish()
	require.NoError(t, <-reply)
	require.False(t, a.ended)
	require.Len(t, s.links, 2)
	require.True(t, s.last().Probe, "of the better one")

	s.Send(s.bridge, &Reload{settings(t, func(c *configs.Bridge) { c.Username = "me" }, "mqtt://a"), reply})
	s.establish()
	require.NoError(t, <-reply)
	require.Len(t, s.links, 3)
	require.Equal(t, "me", s.last().Upstream.Username(), "the same upstream with another user")
	require.Equal(t, []any{link.Carry{}}, a.got, "it is left once the new one is ready")
}

// Rules change for the Session when no link with the old ones carries.
func TestReloadOfRules(t *testing.T) {
	s := begun(t, settings(t, func(c *configs.Bridge) { c.Receive = []configs.Receive{configs.NewReceive("in/#", "")} }, "mqtt://a"))
	a := s.last()
	s.carry(a)
	reply := make(chan error, 1)
	s.Send(s.bridge, &Reload{settings(t, func(c *configs.Bridge) { c.Forward = []configs.Forward{configs.NewForward("new/#", "")} }, "mqtt://a"), reply})
	require.Empty(t, s.registry.Got())
	require.Empty(t, reply)
	require.Len(t, s.links, 2)
	next := s.last()
	require.Equal(t, "new/#", next.Config.Forward[0].Local)
	require.Equal(t, []string{"in/#"}, next.Former)
	s.end(a, link.Ended{Cause: errors.New("taken over"), Code: packet.SessionTakenOver})
	require.Equal(t, "new/#", s.establish().Subscriptions[0].Filter)
	require.NoError(t, <-reply)
	require.Empty(t, s.lines.FilterMessage("the link was lost").All(), "it was replaced")
	s.carry(next)
	require.Equal(t, Connected, s.handle.Status().State)
	require.Len(t, s.links, 2)

	s.Send(s.bridge, (*message.Credit)(nil))
	require.Equal(t, "new/#", s.establish().Subscriptions[0].Filter, "a bridge that has failed knows it too")
	require.Equal(t, []string{"in/#"}, s.last().Former)
}

func TestRemove(t *testing.T) {
	for _, failing := range []bool{false, true} {
		s := begun(t, settings(t, nil, "mqtt://a"))
		s.carry(s.last())
		require.Equal(t, "1", s.published()["$SYS/broker/connection/troupe-north/state"])
		removed, reply := make(chan Removed, 2), make(chan error, 1)
		s.Send(s.bridge, &Remove{true, removed})
		require.Empty(t, s.registry.Got(), "the link has not ended")
		require.ErrorIs(t, s.ask(&Resume{reply}, reply), ErrEnded)
		if failing {
			s.Send(s.bridge, (*message.Credit)(nil))
			require.ErrorIs(t, (<-removed).Err, ErrEnded)
			s.Send(s.bridge, &Remove{false, removed})
		} else {
			s.end(s.last(), link.Ended{})
		}
		retire := []any{&message.Retire{ClientID: "$bridge/north", Discard: true, Bridge: s.bridge}}
		require.Equal(t, retire, s.registry.Got())
		s.pass(establishIn + 100)
		require.Equal(t, retire, s.registry.Got(), "there was no answer")
		s.Send(s.bridge, &message.Retired{ClientID: "$bridge/north", Left: 5})
		require.Equal(t, Removed{Left: 5}, <-removed)
		for topic, value := range s.published() {
			require.Empty(t, value, topic)
		}
		require.ErrorIs(t, s.ask(&Pause{reply}, reply), ErrEnded, "it has ended")
	}
}

func TestQuiesce(t *testing.T) {
	s := begun(t, settings(t, nil, "mqtt://a"))
	s.carry(s.last())
	done := make(chan struct{}, 1)
	s.Send(s.bridge, &message.Quiesce{Done: done})
	require.Empty(t, done)
	require.Contains(t, s.last().got, link.Leave{})
	s.end(s.last(), link.Ended{})
	require.Len(t, done, 1)
	s.pass(60_000)
	require.Len(t, s.links, 1)
}

func TestEnds(t *testing.T) {
	s := begun(t, settings(t, nil, "mqtt://a"))
	s.carry(s.last())
	s.Root.Stop(s.bridge)
	s.Settle()
	require.True(t, s.last().ended)
	status := s.handle.Status()
	require.Equal(t, Ended, status.State)
	require.Empty(t, status.Upstream)
	topics := s.published()
	require.Equal(t, "ended", topics["$SYS/broker/bridge/north/state"])
	require.Equal(t, "0", topics["$SYS/broker/connection/troupe-north/state"])
}

// A command that the bridge fails over is answered.
func TestAFailingCommandIsAnswered(t *testing.T) {
	s := begun(t, settings(t, nil, "mqtt://a"))
	reply := make(chan error, 1)
	broken := settings(t, nil, "mqtt://a")
	broken.Upstreams = append(broken.Upstreams, nil)
	require.ErrorIs(t, s.ask(&Reload{broken, reply}, reply), ErrEnded)
	require.Equal(t, 1, len(s.Failures))
}

func TestServerReference(t *testing.T) {
	s := begun(t, settings(t, func(c *configs.Bridge) { c.FollowServerReference = true }, "mqtt://a", "mqtt://b"))
	s.end(s.last(), link.Ended{Cause: errors.New("use another"), Code: packet.UseAnotherServer, Reference: "other:1884"})
	require.Equal(t, "mqtt://other:1884", s.last().Upstream.Name())
	s.carry(s.last())
	require.Equal(t, "mqtt://other:1884", s.handle.Status().Upstream)
	s.end(s.last(), link.Ended{Cause: errors.New("cut")})
	require.Equal(t, "mqtt://b", s.last().Upstream.Name())

	s.end(s.last(), link.Ended{Cause: errors.New("use another"), Code: packet.ServerMoved, Reference: "wss://no"})
	require.Contains(t, s.handle.Status().LastError, "wss")
	require.Equal(t, Waiting, s.handle.Status().State)
}

// An upstream that is down for a night is worth a few lines.
func TestAnEpisodeOfFailuresIsNotLoggedEachTime(t *testing.T) {
	s := begun(t, settings(t, nil, "mqtt://a"))
	for i := range 1200 {
		l := s.last()
		s.end(l, link.Ended{Cause: fmt.Errorf("read from port %d: reset", 40_000+i)})
		for n := len(s.links); n == len(s.links); {
			s.pass(1000)
		}
	}
	failures := s.lines.FilterMessage("cannot connect").All()
	hours := 1200 * 25 / 3600
	require.GreaterOrEqual(t, len(failures), hours/2)
	require.LessOrEqual(t, len(failures), hours+4)
	require.NotZero(t, failures[1].ContextMap()["failures_since_last_line"])
	s.end(s.last(), link.Ended{Cause: errors.New("something else")})
	require.Len(t, s.lines.FilterMessage("cannot connect").All(), len(failures)+1)
	s.pass(31_000)
	s.carry(s.last())
	require.Len(t, s.lines.FilterMessage("connected").All(), 1)
	s.pass(20_000)
	s.end(s.last(), link.Ended{Cause: errors.New("something else")})
	require.Len(t, s.lines.FilterMessage("the link was lost").All(), 1)
}
