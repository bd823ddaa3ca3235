package troupe

import (
	"fmt"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/system"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/persistence/faulty"
	"github.com/troupemq/troupe/protocol/packet"
	core "github.com/troupemq/troupe/protocol/session"
)

const bridgeID = message.BridgePrefix + "up"

// far takes the parts of a bridge and of its links in the tree, so that a test
// sees what the Session of the bridge says to them, and answers as it likes.
type far struct {
	t       testing.TB
	b       *Broker
	pid     *actor.PID
	heard   chan any
	figures *message.BridgeFigures
	session *actor.PID
	epoch   uint32
	bytes   []byte // of packets that were not looked at
}

func newFar(t testing.TB, b *Broker) *far {
	f := &far{t: t, b: b, heard: make(chan any, 10_000), figures: new(message.BridgeFigures)}
	kind := b.tree.system.Kind("far", stop)
	visit(t, b, b.tree.program, func(ctx actor.Context) {
		loop := b.tree.loops[0]
		f.pid = kind.SpawnChild(ctx, loop, "far", func(*system.Mailbox) actor.Actor {
			return actor.ReceiveFunc(func(ctx actor.Context) {
				switch m := ctx.Message().(type) {
				case *message.Packets:
					f.heard <- append([]byte(nil), m.B...)
				case *message.Established, *message.Retired, *message.Attached, *message.Close, *message.Reading:
					f.heard <- m
				}
			})
		})
	})
	return f
}

// hear is the next thing of a kind that was said. Reading is passed over.
func hear[T any](f *far) T {
	f.t.Helper()
	for {
		switch m := wait(f.t, f.heard, "nothing is heard").(type) {
		case T:
			return m
		case *message.Reading:
		case []byte:
			f.bytes = append(f.bytes, m...)
		default:
			require.FailNow(f.t, "unexpected", "%T %+v", m, m)
		}
	}
}

func (f *far) registry(m any) {
	registry, _ := f.b.tree.clients.Registry([]byte(bridgeID))
	f.b.send(registry, m)
}

// establish makes the Session with one subscription to all topics below out.
func (f *far) establish(queue core.QueueLimits, remote bool) {
	f.t.Helper()
	limits := *f.b.limits()
	limits.Bridge, limits.ExpiryMaximum, limits.Queue, limits.TopicAliasMaximum = true, core.NoExpiry, queue, 0
	f.registry(&message.Establish{
		ClientID: bridgeID, Bridge: f.pid, Limits: &limits, Remote: remote, Figures: f.figures,
		Subscriptions: []core.Subscription{{Filter: "out/#", Options: packet.SubscriptionOptions{QoS: packet.QoS2, NoLocal: true}}},
	})
	hear[*message.Established](f)
}

// carry connects as a link to a peer.
func (f *far) carry(peer string, present bool) {
	f.t.Helper()
	f.registry(&message.Connect{
		Connection: f.pid, Listener: "bridge", Attachment: core.Attachment{Peer: &core.Peer{Name: peer, Present: present}},
		Packet: &packet.Connect{Version: packet.V5, ClientID: []byte(bridgeID), HasSessionExpiry: true, SessionExpiry: core.NoExpiry, ReceiveMaximum: 10},
	})
	m := hear[*message.Attached](f)
	f.session, f.epoch, f.bytes = m.Session, m.Epoch, nil // the rest is of a link before
	require.Equal(f.t, packet.TypeConnack, packet.Type(f.frame()[0]>>4))
}

// frame is the next packet that the Session says.
func (f *far) frame() []byte {
	f.t.Helper()
	for {
		if h, ok, err := packet.ReadHeader(f.bytes, 0); ok && len(f.bytes) >= h.FrameSize() {
			frame := f.bytes[:h.FrameSize()]
			f.bytes = f.bytes[h.FrameSize():]
			return frame
		} else if err != nil && len(f.bytes) > 0 {
			require.NoError(f.t, err)
		}
		f.bytes = append(f.bytes, hear[[]byte](f)...)
	}
}

func (f *far) message() *packet.Publish {
	f.t.Helper()
	p := new(packet.Publish)
	require.NoError(f.t, p.Decode(f.frame(), packet.V5))
	return p
}

func (f *far) say(frames []byte) {
	f.b.send(f.session, message.NewFrames(f.epoch, frames))
}

// gets takes messages with QoS 1 and acknowledges them.
func (f *far) gets(texts ...string) {
	f.t.Helper()
	for _, text := range texts {
		p := f.message()
		require.Equal(f.t, text, string(p.Payload))
		f.say((&packet.Puback{PacketID: p.PacketID}).Append(nil, packet.V5))
	}
}

func (f *far) lose() { f.b.send(f.session, &message.Detached{Epoch: f.epoch}) }

func slow(messages int) core.QueueLimits {
	return core.QueueLimits{Messages: messages, Overflow: core.Slow}
}

func TestNoClientIsABridge(t *testing.T) {
	b := start(t)
	ack := newClient(t, dial(t, b)).enter(durable(bridgeID))
	require.Equal(t, packet.ClientIdentifierNotValid, ack.Code)
}

// What is published for a bridge is safe before any link was up, and comes in
// order after a restart.
func TestBridgeSessionKeepsWhatWaits(t *testing.T) {
	k := keep(t, faulty.Plan{}, nil)
	f := newFar(t, k.Broker)
	f.establish(slow(0), false)
	require.Zero(t, k.tree.counters.Sessions.Load(), "it is no Client's")
	from := k.guest("from")
	queue := texts(300)
	for _, text := range queue {
		require.Equal(t, packet.Success, from.publish(packet.QoS1, "out/a", text))
	}
	require.Equal(t, packet.NoMatchingSubscribers, from.publish(packet.QoS1, "other", ""))
	require.EqualValues(t, len(queue), f.figures.Queued.Load())
	require.Positive(t, f.figures.OldestAt.Load())

	k = k.again(k.inner.CrashClone())
	f = newFar(t, k.Broker)
	f.establish(slow(0), false)
	require.EqualValues(t, len(queue), f.figures.Queued.Load())
	require.Equal(t, packet.Success, k.guest("from").publish(packet.QoS1, "out/a", "last"))
	f.carry("there", false)
	f.gets(queue[:100]...)
	f.lose()
	f.carry("there", true)
	f.gets(queue[100:]...)
	f.gets("last")
	settle(t, k.Broker, f.session)
	require.Zero(t, f.figures.Queued.Load())
	require.Zero(t, f.figures.Inflight.Load())
	require.Zero(t, k.tree.counters.ClientsConnected.Load()-1, "the publisher alone")
}

// A full spool slows who publishes to the bridge and nobody else, for as long as
// it takes, and nothing is lost.
func TestFullBridgeSlowsItsPublishers(t *testing.T) {
	for _, policy := range []configs.Overflow{configs.OverflowDropOldest, configs.OverflowReject} {
		t.Run(string(policy), func(t *testing.T) {
			k := keep(t, faulty.Plan{}, func(c *configs.Config) { c.Session.Queue.Overflow = policy })
			f := newFar(t, k.Broker)
			f.establish(slow(5), false)
			from, other := k.guest("from"), k.guest("other")
			other.subscribe(packet.QoS1, "other")
			for i := range 5 {
				require.Equal(t, packet.Success, from.publish(packet.QoS1, "out/a", fmt.Sprint(i)))
			}
			require.True(t, f.figures.Strained.Load())
			require.Equal(t, packet.Success, from.publish(packet.QoS1, "out/a", "5"), "who has published before is not known to be slowed yet")
			id := from.begin(packet.QoS1, "out/a", "6")
			for i := range 10 { // others go on
				require.Equal(t, packet.Success, other.publish(packet.QoS1, "other", fmt.Sprint(i)))
				other.gets(fmt.Sprint(i))
			}
			require.EqualValues(t, 6+10, k.tree.counters.PublishReceived.Load(), "it is not read from")
			require.Zero(t, k.tree.counters.RefusedQuota.Load())

			f.carry("there", false)
			f.gets("0", "1", "2", "3", "4", "5", "6")
			from.acked(packet.TypePuback, id)
			settle(t, k.Broker, f.session)
			require.False(t, f.figures.Strained.Load())
			require.Zero(t, f.figures.DroppedFull.Load())
		})
	}
}

// With an acknowledgement that is the upstream's, a publisher hears nothing
// before.
func TestRemoteAcknowledgement(t *testing.T) {
	k := keep(t, faulty.Plan{}, nil)
	f := newFar(t, k.Broker)
	f.establish(slow(0), true)
	from := k.guest("from")
	unanswered := func() { // though it is committed
		k.tree.flush(within(t))
		settle(t, k.Broker, sessionOf(t, k.Broker, "from"))
		from.quiet()
	}
	id := from.begin(packet.QoS1, "out/a", "one")
	from.quiet()
	unanswered()
	f.carry("there", false)
	one := f.message()
	unanswered()
	f.say((&packet.Puback{PacketID: one.PacketID}).Append(nil, packet.V5))
	from.acked(packet.TypePuback, id)

	id = from.begin(packet.QoS2, "out/a", "two")
	two := f.message()
	require.Equal(t, packet.QoS2, two.QoS)
	f.say((&packet.Pubrec{PacketID: two.PacketID}).Append(nil, packet.V5))
	require.Equal(t, packet.TypePubrel, packet.Type(f.frame()[0]>>4))
	unanswered() // not even PUBREC
	f.say((&packet.Pubcomp{PacketID: two.PacketID}).Append(nil, packet.V5))
	from.acked(packet.TypePubrec, id)

	require.Equal(t, packet.NoMatchingSubscribers, from.publish(packet.QoS1, "other", ""))
	program := make(chan error, 1)
	go func() {
		program <- k.Publish(within(t), Message{Topic: "out/a", Payload: []byte("three"), QoS: AtLeastOnce})
	}()
	three := f.message()
	require.Empty(t, program)
	f.say((&packet.Puback{PacketID: three.PacketID}).Append(nil, packet.V5))
	require.NoError(t, wait(t, program, "the program does not hear"))
}

// A session actor that fails is to its bridge as a lost link.
func TestBridgeSessionFails(t *testing.T) {
	k := keep(t, faulty.Plan{}, nil)
	f := newFar(t, k.Broker)
	f.establish(slow(0), true)
	f.carry("there", false)
	from := k.guest("from")
	id := from.begin(packet.QoS2, "out/a", "once")
	p := f.message()
	f.say((&packet.Pubrec{PacketID: p.PacketID}).Append(nil, packet.V5))
	require.Equal(t, packet.TypePubrel, packet.Type(f.frame()[0]>>4))
	f.b.send(f.session, panics())
	hear[*message.Close](f)
	k.log.await(t, 1, "an actor failed", "kind", "session")
	f.carry("there", true)
	rel := f.frame()
	require.Equal(t, packet.TypePubrel, packet.Type(rel[0]>>4), "it goes on where it was")
	from.quiet()
	f.say((&packet.Pubcomp{PacketID: p.PacketID}).Append(nil, packet.V5))
	from.acked(packet.TypePubrec, id)
}

// A bridge that is not wanted any more gets nothing, and its Session ends once
// nothing waits.
func TestRetiredBridge(t *testing.T) {
	k := keep(t, faulty.Plan{}, nil)
	f := newFar(t, k.Broker)
	retire := func(discard bool) int {
		f.registry(&message.Retire{ClientID: bridgeID, Bridge: f.pid, Discard: discard})
		return hear[*message.Retired](f).Left
	}
	require.Zero(t, retire(false), "there is none")
	f.establish(slow(0), false)
	from := k.guest("from")
	require.Equal(t, packet.Success, from.publish(packet.QoS1, "out/a", "one"))
	require.Equal(t, 1, retire(false))
	require.Equal(t, packet.NoMatchingSubscribers, from.publish(packet.QoS1, "out/a", "two"))

	k = k.again(k.inner.CrashClone())
	f = newFar(t, k.Broker)
	require.Equal(t, 1, retire(false), "it is kept")
	f.establish(slow(0), false)
	require.Equal(t, packet.Success, k.guest("from").publish(packet.QoS1, "out/a", "three"))
	f.carry("there", false)
	f.gets("one", "three")
	settle(t, k.Broker, f.session)
	f.lose()
	require.Zero(t, retire(false))
	require.NoError(t, k.Shutdown(within(t)))
	k = k.again(k.inner.CrashClone())
	f = newFar(t, k.Broker)
	require.Zero(t, retire(false))
	require.Empty(t, children(t, k.Broker, k.tree.clients.Registries[k.tree.clients.Number([]byte(bridgeID))]))
}
