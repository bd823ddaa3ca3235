package registry_test

import (
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/actortest"
	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/registry"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/persistence"
)

// sleeper is a session actor that opens its door, keeps what it gets, and sleeps
// when it is told to.
type sleeper struct {
	session
	mailbox  *system.Mailbox
	door     *message.Door
	registry *actor.PID
	closed   bool
}

type sleep struct {
	at   int64
	seen uint32 // Connect messages
}

func (s *sleeper) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		s.session.Receive(ctx)
		s.door.Open(s.mailbox)
	case sleep:
		if s.closed = s.door.Close(); s.closed {
			ctx.Send(s.registry, &message.Asleep{Session: s.pid, Door: s.door, At: m.at, Connects: m.seen})
		}
	default:
		s.session.Receive(ctx)
	}
}

// dormitory is a registry with one Session, "c", that was found in a store.
type dormitory struct {
	*testing.T
	*actortest.Stage
	registry *actor.PID
	door     *message.Door
	fresh    []*session // of new Sessions
	sleepers []*sleeper // each time that it woke
	reads    []func(*message.Woken)
}

// newDormitory makes one whose Session is to wake by itself after so many
// milliseconds, 0: never.
func newDormitory(t *testing.T, after int64) *dormitory {
	d := &dormitory{T: t, Stage: actortest.NewStage()}
	kind := d.System.Kind("session", system.Supervision{})
	house := message.NewHouse(d.Root)
	at := int64(0)
	if after > 0 {
		at = d.Now() + after
	}
	d.door = house.NewDoor(7, 70, "c")
	d.registry = d.Spawn("registry", func(*system.Mailbox) actor.Actor {
		return registry.New(registry.Options{
			Loop: d.Loop, House: house, Restored: []message.Asleep{{Door: d.door, At: at}},
			Spawn: func(ctx actor.Context, name, clientID string) *actor.PID {
				one := &session{clientID: clientID}
				d.fresh = append(d.fresh, one)
				return kind.SpawnChild(ctx, d.Loop, name, func(*system.Mailbox) actor.Actor { return one })
			},
			Read: func(door *message.Door, woken func(*message.Woken)) {
				require.Equal(t, d.door, door)
				d.reads = append(d.reads, woken)
			},
			Awake: func(ctx actor.Context, name string, m *message.Woken) *actor.PID {
				require.EqualValues(t, 70, m.Saved.ID)
				one := &sleeper{door: m.Door, registry: d.registry}
				d.sleepers = append(d.sleepers, one)
				return kind.SpawnChild(ctx, d.Loop, name, func(m *system.Mailbox) actor.Actor {
					one.mailbox = m
					return one
				})
			},
		})
	})
	t.Cleanup(func() { require.Empty(t, d.Broken()) })
	return d
}

// read answers the one read that was asked for, and returns who woke.
func (d *dormitory) read() *sleeper {
	require.Len(d, d.reads, 1)
	woken := d.reads[0]
	d.reads = nil
	woken(&message.Woken{Door: d.door, Saved: &persistence.SavedSession{ID: 70}})
	d.Settle()
	return d.sleepers[len(d.sleepers)-1]
}

func (d *dormitory) post(messages ...any) {
	for _, m := range messages {
		d.door.Post(m)
	}
	d.Settle()
}

func TestWhatComesWakesAndIsHeardInOrder(t *testing.T) {
	d := newDormitory(t, 0)
	d.post("1", "2")
	require.Empty(t, d.sleepers)
	require.Equal(t, 2, d.door.UserMessageCount())
	d.post("3")
	s := d.read()
	d.post("4")
	require.Equal(t, []any{"1", "2", "3", "4"}, s.take())
	require.Empty(t, d.reads)

	// It sleeps, and wakes again; nothing overtakes.
	d.Send(s.pid, sleep{})
	require.True(t, s.stopped)
	d.post("5", "6")
	require.Equal(t, []any{"5", "6"}, d.read().take())
}

func TestConnectWakes(t *testing.T) {
	d := newDormitory(t, 0)
	first := connect("c", false)
	d.Send(d.registry, first)
	s := d.read()
	require.Equal(t, []any{first}, s.take())
	require.Empty(t, d.fresh)

	// One that is on its way while the actor goes is not lost, and counts for the next one.
	d.Send(s.pid, sleep{seen: 1})
	second := connect("c", false)
	d.Send(d.registry, second)
	s = d.read()
	require.Equal(t, []any{second}, s.take())
	d.Send(d.registry, &message.Ended{ClientID: "c", Session: s.pid, Connects: 0})
	require.False(t, s.stopped, "the Connect has not been seen")
	d.Send(d.registry, &message.Ended{ClientID: "c", Session: s.pid, Connects: 1})
	require.True(t, s.stopped)
}

func TestCleanStartEndsOneThatSleeps(t *testing.T) {
	d := newDormitory(t, 0)
	clean := connect("c", true)
	d.Send(d.registry, clean)
	require.Len(t, d.fresh, 1)
	require.Equal(t, []any{clean}, d.fresh[0].take())
	s := d.read()
	got := s.take()
	require.Len(t, got, 1)
	require.IsType(t, &message.End{}, got[0])
	d.Send(d.registry, &message.Ended{ClientID: "c", Session: s.pid})
	require.True(t, s.stopped)
	require.False(t, d.fresh[0].stopped)
	d.Send(d.registry, connect("c", false))
	require.Len(t, d.fresh[0].take(), 1)
}

func TestTimeWakes(t *testing.T) {
	d := newDormitory(t, 5000)
	require.Empty(t, d.reads)
	d.Elapse(5200)
	d.Settle()
	s := d.read()
	require.Empty(t, s.take())
	// Alarms of other sleeps mean nothing to one that is awake, and do not pile up.
	for range 3000 {
		d.Send(s.pid, sleep{at: d.Now() + 1000})
		d.post("x")
		s = d.read()
	}
	d.Elapse(1200)
	d.Settle()
	require.Empty(t, d.reads)
}

func TestReadIsTriedAgain(t *testing.T) {
	d := newDormitory(t, 0)
	d.post("1")
	require.Len(t, d.reads, 1)
	failed := d.reads[0]
	d.reads = nil
	failed(&message.Woken{Door: d.door})
	d.Settle()
	require.Equal(t, []any{"1"}, d.read().take())
}

func TestMessagesKeepTheDoorOpen(t *testing.T) {
	d := newDormitory(t, 0)
	d.post("1")
	s := d.read()
	d.Root.Send(s.pid, sleep{})
	d.door.Post("2")
	d.Settle()
	require.False(t, s.closed)
	require.Equal(t, []any{"1", "2"}, s.take())
}
