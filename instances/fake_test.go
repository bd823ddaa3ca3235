package instances

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/configs"
)

// patience is how long anything may take that is bound to happen.
const patience = 20 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a broker that does what the test says.
type fake struct {
	world  *world
	config configs.Config

	mu    sync.Mutex
	ended bool
	err   error
	done  chan struct{}
}

// world is what fakes know of each other.
type world struct {
	t *testing.T

	mu      sync.Mutex
	running map[string]*fake
	starts  map[string]int
	wrong   map[string]error         // of starts, by instance
	probe   map[string]error         // of probes
	block   map[string]chan struct{} // what a start waits for
	panics  map[string]bool
	drain   chan struct{}    // what a Shutdown waits for; nil: nothing
	closing map[string]error // of Shutdowns: what is wrong at the end
	reloads []configs.Config

	validate bool // what they are made of
	ended    bool // its Shutdown was looked at
}

func newWorld(t *testing.T) *world {
	return &world{
		t: t, running: make(map[string]*fake), starts: make(map[string]int), wrong: make(map[string]error), probe: make(map[string]error),
		block: make(map[string]chan struct{}), panics: make(map[string]bool), closing: make(map[string]error),
	}
}

func (w *world) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (f *fake) Probe(context.Context) error {
	f.world.mu.Lock()
	defer f.world.mu.Unlock()
	return f.world.probe[f.config.Name]
}

func (f *fake) Start(ctx context.Context) error {
	w, name := f.world, f.config.Name
	w.mu.Lock()
	w.starts[name]++
	block, wrong, panics := w.block[name], w.wrong[name], w.panics[name]
	w.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if panics {
		panic("on purpose")
	}
	if wrong != nil {
		return wrong
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	require.Nil(w.t, w.running[name], "one of a name at a time")
	w.running[name] = f
	return nil
}

// end ends it, by itself or not.
func (f *fake) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return
	}
	f.ended, f.err = true, err
	f.world.set(func() {
		if f.world.running[f.config.Name] == f {
			delete(f.world.running, f.config.Name)
		}
	})
	close(f.done)
}

func (f *fake) Shutdown(ctx context.Context) error {
	if drain := f.world.drain; drain != nil {
		select {
		case <-drain:
		case <-ctx.Done():
		}
	}
	f.world.mu.Lock()
	wrong := f.world.closing[f.config.Name]
	f.world.mu.Unlock()
	f.end(wrong)
	return ctx.Err()
}

func (f *fake) Reload(_ context.Context, c configs.Config) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return nil, troupe.ErrNotRunning
	}
	f.world.set(func() { f.world.reloads = append(f.world.reloads, c) })
	_, restart := configs.Changes(f.config, c)
	return restart, nil
}

func (f *fake) Done() <-chan struct{} { return f.done }

func (f *fake) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *fake) Status() troupe.Instance {
	return troupe.Instance{Name: f.config.Name, State: troupe.InstanceRunning, Connections: 7}
}

func (f *fake) Dial(context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	return ours, theirs.Close()
}

// broker is the fake of an instance that runs.
func (w *world) broker(name string) *fake {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	require.NotNil(w.t, w.running[name], "%s does not run", name)
	return w.running[name]
}

// supervised is a Supervisor of fakes.
type supervised struct {
	*Supervisor
	*world
	logs *observer.ObservedLogs
}

func supervise(t *testing.T, o Options) *supervised {
	t.Helper()
	w := newWorld(t)
	o.make = func(c configs.Config, _ []troupe.Option) (broker, error) {
		if w.validate {
			if err := c.Validate(); err != nil {
				return (*fake)(nil), err
			}
		}
		return &fake{world: w, config: c, done: make(chan struct{})}, nil
	}
	core, logs := observer.New(zapcore.DebugLevel)
	if o.Log == nil {
		o.Log = zap.New(core)
	}
	s, err := New(o)
	require.NoError(t, err)
	t.Cleanup(func() {
		err := s.Shutdown(within(t))
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.ended {
			require.NoError(t, err)
		}
		require.Empty(t, w.running)
	})
	return &supervised{s, w, logs}
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	t.Cleanup(cancel)
	return ctx
}

// named is the configuration of an instance that shares nothing, with short pauses.
func named(name string, policy configs.OnFailure) configs.Instance {
	c := configs.Defaults()
	c.Name, c.DataDir, c.Listeners = name, "", nil
	c.Supervision = configs.Supervision{OnFailure: policy, Backoff: configs.Backoff{
		Initial: configs.Duration(10 * time.Millisecond), Maximum: configs.Duration(20 * time.Millisecond),
	}}
	return configs.Instance{Config: c}
}

// status is how an instance is.
func (s *supervised) status(name string) troupe.Instance {
	s.t.Helper()
	list, err := s.List(s.t.Context())
	require.NoError(s.t, err)
	for _, i := range list {
		if i.Name == name {
			return i
		}
	}
	require.FailNow(s.t, "there is no such instance", name)
	return troupe.Instance{}
}

// becomes waits until an instance is in a state.
func (s *supervised) becomes(name string, state troupe.InstanceState) troupe.Instance {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.status(name).State == state }, patience, time.Millisecond, "%s: %s", name, s.status(name).State)
	return s.status(name)
}

// over waits for the end of the Supervisor.
func (s *supervised) over() error {
	s.t.Helper()
	select {
	case <-s.Done():
		return s.Err()
	case <-time.After(patience):
		require.FailNow(s.t, "it does not end")
		return nil
	}
}

var errLost = errors.New("the disk is gone")

// file writes a configuration file.
func file(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}
