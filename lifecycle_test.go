package troupe

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/faulty"
	"github.com/troupemq/troupe/persistence/memory"
)

// uses is everything that needs a running Broker, by name.
func uses(ctx context.Context, b *Broker) map[string]func() error {
	nothing := func(*Message) {}
	return map[string]func() error{
		"Publish":   func() error { return b.Publish(ctx, Message{Topic: "a", QoS: AtLeastOnce}) },
		"Subscribe": func() error { _, err := b.Subscribe(ctx, "a", 0, nothing); return err },
		"SubscribeChan": func() error {
			_, err := b.SubscribeChan(ctx, "a", 0, make(chan *Message))
			return err
		},
		"SubscribePID": func() error {
			pid := b.ActorSystem().Root.Spawn(actor.PropsFromFunc(func(actor.Context) {}))
			defer b.ActorSystem().Root.Stop(pid)
			_, err := b.SubscribePID(ctx, "a", 0, pid)
			if errors.Is(err, ErrActorEnded) {
				err = nil
			}
			return err
		},
		"Request": func() error {
			short, cancel := context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
			if _, err := b.Request(short, Message{Topic: "a"}); !errors.Is(err, ErrNoResponder) && !errors.Is(err, context.DeadlineExceeded) {
				return err
			}
			return nil
		},
		"Respond": func() error { _, err := b.Respond(ctx, "a", 0, upper); return err },
		"Bridges": func() error { _, err := b.Bridges(); return err },
		"PauseBridge": func() error {
			if err := b.PauseBridge(ctx, "x"); !errors.Is(err, ErrNoBridge) {
				return err
			}
			return nil
		},
		"Reload": func() error { _, err := b.Reload(ctx, b.Config()); return err },
		"Dial": func() error {
			conn, err := b.Dial(ctx)
			if err == nil {
				_ = conn.Close()
			}
			return err
		},
	}
}

func TestWhatNeedsARunningBroker(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	c := configs.Defaults()
	c.DataDir, c.Listeners[0].Address = "", "127.0.0.1:0"
	b, err := New(WithConfig(c))
	require.NoError(t, err)
	refused := func() {
		for name, use := range uses(within(t), b) {
			require.ErrorIs(t, use(), ErrNotRunning, name)
		}
		require.Nil(t, b.Addr("tcp"))
	}
	refused()
	require.NoError(t, b.Start(within(t)))
	require.NotNil(t, b.Addr("tcp"))
	for name, use := range uses(within(t), b) {
		require.NoError(t, use(), name)
	}
	require.NoError(t, b.Shutdown(within(t)))
	refused()
	require.NoError(t, b.Shutdown(within(t)))
	require.ErrorIs(t, b.Start(within(t)), ErrStarted)
}

func TestShutdownWhileTheBrokerIsUsed(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 4
	}
	for range rounds {
		b := start(t)
		var all sync.WaitGroup
		begun := make(chan struct{}, 64)
		for name, use := range uses(context.Background(), b) {
			all.Go(func() {
				for {
					if err := use(); err != nil {
						require.ErrorIs(t, err, ErrNotRunning, name)
						return
					}
					select {
					case begun <- struct{}{}:
					default:
					}
				}
			})
		}
		for range cap(begun) {
			wait(t, begun, "nothing happens")
		}
		for range 3 {
			all.Go(func() { require.NoError(t, b.Shutdown(context.Background())) })
		}
		all.Wait()
	}
}

// ending is a context that ends when somebody begins to wait for it.
type ending struct {
	context.Context
	end context.CancelFunc
}

func (l ending) Done() <-chan struct{} {
	l.end()
	return l.Context.Done()
}

func TestContextThatEndsDuringStart(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	aborted := 0
	for range 50 {
		b, err := New(WithoutListeners(), WithDataDir(""), WithStore(memory.New()))
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		if err = b.Start(ending{ctx, cancel}); err != nil {
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, b.Publish(context.Background(), Message{Topic: "a"}), ErrNotRunning)
			require.NoError(t, b.Start(within(t)), "it was not started")
			aborted++
		}
		require.NoError(t, b.Publish(within(t), Message{Topic: "a"}))
		require.NoError(t, b.Shutdown(within(t)))
	}
	require.Positive(t, aborted)

	// And with ports.
	for range 50 {
		b, err := New(WithAddress("127.0.0.1:0"), WithDataDir(""))
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.IntN(2_000_000)))
		if err := b.Start(ctx); err != nil {
			require.ErrorContains(t, err, "context deadline exceeded")
		}
		cancel()
		require.NoError(t, b.Shutdown(within(t)))
	}
}

// A Start that fails leaves the Broker as it was: made, and not started.
func TestStartThatFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b, err := New(WithAddress(l.Addr().String()), WithDataDir(""))
	require.NoError(t, err)
	asMade := func() {
		t.Helper()
		select {
		case <-b.Done():
			require.FailNow(t, "Done is closed")
		default:
		}
		require.NoError(t, b.Err())
		require.Equal(t, InstanceStopped, b.Status().State)
		require.ErrorIs(t, b.Publish(within(t), Message{Topic: "a"}), ErrNotRunning)
	}
	over, cancel := context.WithCancel(within(t))
	cancel()
	require.ErrorIs(t, b.Start(over), context.Canceled)
	asMade()
	require.ErrorContains(t, b.Start(within(t)), l.Addr().String())
	asMade()
	require.NoError(t, l.Close())
	require.NoError(t, b.Start(within(t)))
	require.NoError(t, b.Publish(within(t), Message{Topic: "a"}))
	require.NoError(t, b.Shutdown(within(t)))
	wait(t, b.Done(), "Done is not closed")

	// One that never starts ends all the same.
	b, err = New(WithAddress("127.0.0.1:0"), WithDataDir(""))
	require.NoError(t, err)
	require.ErrorIs(t, b.Start(over), context.Canceled)
	require.NoError(t, b.Shutdown(within(t)))
	wait(t, b.Done(), "Done is not closed")
	require.NoError(t, b.Err())
	require.ErrorIs(t, b.Start(within(t)), ErrStarted)
}

// What waits for the store when the Broker ends hears of the end, and not that it was
// refused.
func TestPublishThatTheEndCutsOff(t *testing.T) {
	var stuck atomic.Bool
	entered, on := make(chan struct{}, 1), make(chan struct{})
	b := start(t, WithStore(faulty.New(memory.New(), faulty.Plan{Apply: func(int, *persistence.Batch) error {
		if stuck.CompareAndSwap(true, false) {
			entered <- struct{}{}
			<-on
		}
		return nil
	}})))
	goOn := sync.OnceFunc(func() { close(on) })
	t.Cleanup(goOn)
	stuck.Store(true)
	published, down := make(chan error, 1), make(chan error, 1)
	go func() {
		published <- b.Publish(context.Background(), Message{Topic: "a", QoS: AtLeastOnce, Retain: true, Payload: []byte("x")})
	}()
	wait(t, entered, "nothing is written")
	hurry, cancel := context.WithCancel(context.Background())
	cancel()
	go func() { down <- b.Shutdown(hurry) }()
	require.ErrorIs(t, wait(t, published, "Publish waits for ever"), ErrNotRunning)
	goOn()
	require.ErrorIs(t, wait(t, down, "Shutdown does not return"), context.Canceled)
}

func TestOptionsThatAreNil(t *testing.T) {
	_, err := New(WithLogger(nil), WithStore(nil), WithListener("mine", nil, true), WithActorSystem(nil), WithSettings(nil),
		WithAuthenticator(nil), WithAuthenticator(AuthenticatorFunc(nil)), WithAuthorizer(nil), WithInstances(nil), nil)
	for _, text := range []string{
		"WithSettings: the function is nil", "WithAuthenticator: the authenticator is nil", "WithAuthorizer: the authorizer is nil",
		"WithLogger: the logger is nil", "WithStore: the store is nil", "WithListener: the listener is nil", "WithActorSystem: the actor system is nil",
		"WithInstances: the instances are nil", "option 10 of 10 is nil"} {
		require.ErrorContains(t, err, text)
	}
	_, err = New(WithAuthenticator(AuthenticatorFunc(nil)))
	require.ErrorContains(t, err, "WithAuthenticator: the authenticator is nil")
	_, err = New(WithName("no name"))
	require.ErrorContains(t, err, `name: "no name"`)
	_, err = New(WithAddress("nowhere"))
	require.ErrorContains(t, err, "listeners[0].address")
}

func TestSettings(t *testing.T) {
	c := configs.Defaults()
	c.Listeners[0].Name = "mine"
	b, err := New(WithConfig(c), WithSettings(func(c *configs.Config) {
		require.Equal(t, "mine", c.Listeners[0].Name)
		c.Listeners[0].Name = "changed"
		c.Session.Queue.MaxMessages = 7
	}), WithName("later"))
	require.NoError(t, err)
	require.Equal(t, "changed", b.Config().Listeners[0].Name)
	require.Equal(t, 7, b.Config().Session.Queue.MaxMessages)
	require.Equal(t, "later", b.Config().Name)
	require.Equal(t, "mine", c.Listeners[0].Name, "the caller's own is as it was")
	_, err = New(WithSettings(func(c *configs.Config) { c.Limits.ReceiveMaximum = -1 }))
	require.ErrorContains(t, err, "limits.receive_maximum: -1")
}

// descriptors is how many files and sockets the process has open, 0 where that is not known.
func descriptors() int {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(open)
}

// TestStartAndStopAThousandTimes has brokers come and go in one process, most of them without a disk, half of them in one actor system.
func TestStartAndStopAThousandTimes(t *testing.T) {
	cycles, disk := 1000, 10
	if testing.Short() || poolsLeak {
		cycles, disk = 150, 10
	}
	before := goleak.IgnoreCurrent()
	system := host(t)
	dir := t.TempDir()
	cycle := func(i int) {
		c := configs.Defaults()
		c.Name, c.DataDir = fmt.Sprint("cycle", i), ""
		c.Listeners[0].Address = "127.0.0.1:0"
		c.Durability = configs.DurabilityProcess
		if i%disk == 0 {
			c.DataDir = dir
		}
		options := []Option{WithConfig(c)}
		if i%2 == 0 {
			options = append(options, WithActorSystem(system))
		}
		if i%4 == 1 {
			options = append(options, WithStore(memory.New()))
		}
		b, err := New(options...)
		require.NoError(t, err)
		require.NoError(t, b.Start(context.Background()))
		got := make(chan *Message, 1)
		_, err = b.Subscribe(context.Background(), "a", AtLeastOnce, func(m *Message) { got <- m })
		require.NoError(t, err)
		conn, err := net.Dial("tcp", b.Addr("tcp").String())
		require.NoError(t, err)
		client := connectWith(t, conn, durable("c"))
		client.publish(AtLeastOnce, "a", fmt.Sprint(i))
		require.Equal(t, fmt.Sprint(i), string(wait(t, got, "no message").Payload))
		require.NoError(t, conn.Close())
		require.NoError(t, b.Shutdown(context.Background()))
	}
	var heap int64
	var files int
	warm := cycles / 5
	began := time.Now()
	for i := range cycles {
		if i == warm {
			heap, files = inUse(), descriptors()
		}
		cycle(i)
	}
	t.Logf("%d cycles in %s, %d KiB in use and %d files after %d, %d KiB and %d at the end", cycles, time.Since(began).Round(time.Millisecond), heap>>10, files, warm, inUse()>>10, descriptors())
	goleak.VerifyNone(t, before)
	require.LessOrEqual(t, descriptors(), files)
	if !poolsLeak {
		require.Less(t, inUse(), heap+1<<20, "something of each is kept")
	}
}
