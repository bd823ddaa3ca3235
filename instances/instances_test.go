package instances

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/configs"
)

// One that dies is started again by its policy, and nobody else is touched.
func TestOneDies(t *testing.T) {
	s := supervise(t, Options{})
	require.NoError(t, s.Launch(within(t), named("a", configs.OnFailureAuto), named("b", configs.OnFailureAuto), named("c", configs.OnFailureStop)))
	other := s.broker("b")
	s.broker("a").end(errLost)
	require.Eventually(t, func() bool { i := s.status("a"); return i.State == troupe.InstanceRunning && i.Restarts == 1 }, patience, time.Millisecond)
	require.Equal(t, errLost.Error(), s.status("a").Error)
	require.NotNil(t, s.status("a").ErrorAt)
	require.EqualValues(t, 7, s.status("a").Connections)

	s.broker("c").end(errLost)
	failed := s.becomes("c", troupe.InstanceFailed)
	require.Equal(t, errLost.Error(), failed.Error)
	require.Nil(t, failed.RetryAt)
	require.Same(t, other, s.broker("b"))
	require.Equal(t, 1, s.logs.FilterMessage("the instance failed, and is started again").Len())
	require.Equal(t, 1, s.logs.FilterMessage("the instance failed, and stays stopped").Len())
	require.Equal(t, 1, s.logs.FilterMessage("the instance runs again").Len())
	require.NoError(t, s.Start(within(t), "c"))
	require.Equal(t, troupe.InstanceRunning, s.status("c").State)
	require.Zero(t, s.status("c").Restarts, "somebody asked")
}

// One that cannot start waits and tries again, while the others run.
func TestOneDoesNotStart(t *testing.T) {
	s := supervise(t, Options{})
	s.wrong["b"] = errLost
	require.NoError(t, s.Launch(within(t), named("a", configs.OnFailureAuto), named("b", configs.OnFailureAuto)))
	require.Equal(t, troupe.InstanceRunning, s.status("a").State)
	require.NotEqual(t, troupe.InstanceRunning, s.status("b").State)
	require.Eventually(t, func() bool { return s.status("b").Restarts >= 3 }, patience, time.Millisecond)
	require.Eventually(t, func() bool { i := s.status("b"); return i.State == troupe.InstanceWaiting && i.RetryAt != nil }, patience, time.Microsecond)
	s.set(func() { s.wrong["b"] = nil })
	s.becomes("b", troupe.InstanceRunning)

	// A start that is asked for does not wait, and says what is wrong.
	s.set(func() { s.wrong["b"] = errLost })
	require.NoError(t, s.Stop(within(t), "b"))
	err := s.Start(within(t), "b")
	require.ErrorIs(t, err, errLost)
	require.ErrorContains(t, err, "instance b: ")
	require.NoError(t, s.Stop(within(t), "b"))
	require.Equal(t, troupe.InstanceStopped, s.status("b").State)
}

// A panic in a start is a failure of that instance.
func TestStartPanics(t *testing.T) {
	s := supervise(t, Options{})
	s.panics["b"] = true
	require.NoError(t, s.Launch(within(t), named("a", configs.OnFailureAuto), named("b", configs.OnFailureStop)))
	require.Contains(t, s.becomes("b", troupe.InstanceFailed).Error, "on purpose")
	require.Equal(t, troupe.InstanceRunning, s.status("a").State)
}

func TestStopAll(t *testing.T) {
	s := supervise(t, Options{})
	require.NoError(t, s.Launch(within(t), named("a", configs.OnFailureStopAll), named("b", configs.OnFailureAuto), named("c", configs.OnFailureStop)))
	s.broker("c").end(errors.New("the first of all"))
	s.becomes("c", troupe.InstanceFailed)
	s.broker("a").end(errLost)
	require.EqualError(t, s.over(), "instance a: "+errLost.Error())
	require.Empty(t, s.running)
	require.ErrorIs(t, s.Start(within(t), "a"), ErrClosed)
	require.ErrorIs(t, s.Launch(within(t), named("d", configs.OnFailureAuto)), ErrClosed)
}

// The Supervisor ends with its last instance, and says why the first failed.
func TestUntilLast(t *testing.T) {
	s := supervise(t, Options{UntilLast: true})
	require.NoError(t, s.Launch(within(t), named("a", configs.OnFailureStop), named("b", configs.OnFailureStop), named("c", configs.OnFailureStop)))
	require.NoError(t, s.Stop(within(t), "c"))
	s.broker("b").end(errLost)
	s.becomes("b", troupe.InstanceFailed)
	s.broker("a").end(errors.New("later"))
	require.EqualError(t, s.over(), "instance b: "+errLost.Error())
}

// The only one is as if there were no Supervisor: its error is that of all.
func TestAlone(t *testing.T) {
	for _, policy := range []configs.OnFailure{configs.OnFailureAuto, configs.OnFailureStop} {
		s := supervise(t, Options{UntilLast: true})
		s.wrong["a"] = errLost
		require.NoError(t, s.Launch(within(t), named("a", policy)))
		require.Equal(t, errLost, s.over())
		require.Zero(t, s.logs.Filter(func(e observer.LoggedEntry) bool { return e.Level > zapcore.DebugLevel }).Len())
	}
	s := supervise(t, Options{UntilLast: true})
	require.NoError(t, s.Launch(within(t), named("a", configs.OnFailureAuto)))
	require.NoError(t, s.Stop(within(t), "a"))
	require.NoError(t, s.over())

	s = supervise(t, Options{UntilLast: true})
	s.probe["a"] = errLost
	require.EqualError(t, s.Launch(within(t), named("a", configs.OnFailureAuto)), errLost.Error())
}

// What somebody else has keeps all from starting, unless it was written what is
// to become of the one that needs it.
func TestProbe(t *testing.T) {
	s := supervise(t, Options{})
	taken := errors.New("port taken")
	s.probe["b"], s.probe["c"] = taken, errors.New("directory taken")
	err := s.Launch(within(t), named("a", configs.OnFailureAuto), named("b", configs.OnFailureAuto), named("c", configs.OnFailureStopAll))
	require.EqualError(t, err, "instance b: port taken\ninstance c: directory taken")
	require.Empty(t, s.starts)
	list, err := s.List(t.Context())
	require.NoError(t, err)
	require.Empty(t, list)

	s.wrong["b"], s.wrong["c"] = taken, taken
	require.NoError(t, s.Launch(within(t), named("a", configs.OnFailureAuto), named("b", configs.OnFailureRestart), named("c", configs.OnFailureStop)))
	require.Equal(t, troupe.InstanceRunning, s.status("a").State)
	require.Equal(t, troupe.InstanceFailed, s.status("c").State)
	require.Eventually(t, func() bool { return s.status("b").Restarts > 1 }, patience, time.Millisecond)
}

// So does a file that one names: it may be mended while the others run. A value
// may not.
func TestFileIsWrong(t *testing.T) {
	users := filepath.Join(t.TempDir(), "users")
	with := func(name string, policy configs.OnFailure) configs.Instance {
		i := named(name, policy)
		i.Config.Auth.PasswordFile = users
		return i
	}
	s := supervise(t, Options{})
	s.validate = true
	err := s.Launch(within(t), named("a", configs.OnFailureAuto), with("b", configs.OnFailureAuto), with("c", configs.OnFailureStop))
	require.ErrorContains(t, err, "instance b: auth.password_file: "+users+": cannot be read")
	require.NotContains(t, err.Error(), "instance c")
	require.Empty(t, s.starts)

	wrong := with("b", configs.OnFailureRestart)
	wrong.Config.Limits.MaxInflight = 0
	require.ErrorContains(t, s.Launch(within(t), named("a", configs.OnFailureAuto), wrong), "limits.max_inflight: 0 is not allowed")
	require.Empty(t, s.starts)

	require.NoError(t, s.Launch(within(t), named("a", configs.OnFailureAuto), with("b", configs.OnFailureRestart), with("c", configs.OnFailureStop)))
	require.Equal(t, troupe.InstanceRunning, s.status("a").State)
	require.Equal(t, troupe.InstanceFailed, s.status("c").State)
	require.Contains(t, s.status("c").Error, users)
	require.NoError(t, os.WriteFile(users, nil, 0o600))
	s.becomes("b", troupe.InstanceRunning)
	require.NoError(t, s.Start(within(t), "c"))
}

// Two that want the same are not started, whether they come together or later.
func TestConflictsOfInstances(t *testing.T) {
	s := supervise(t, Options{})
	require.ErrorContains(t, s.Launch(within(t), named("a", configs.OnFailureAuto), named("a", configs.OnFailureAuto)), `name: "a" is the name of instance a`)
	require.Empty(t, s.starts)
	first, second := named("a", configs.OnFailureAuto), named("b", configs.OnFailureAuto)
	first.Config.DataDir, second.Config.DataDir = "d", "d/e"
	require.NoError(t, s.Launch(within(t), first))
	var problems configs.Problems
	require.ErrorAs(t, s.Launch(within(t), second), &problems)
	require.EqualError(t, problems, `data_dir: "d/e" is inside of "d", the directory of instance a`)
	require.Equal(t, map[string]int{"a": 1}, s.starts)
}

func TestOrders(t *testing.T) {
	s := supervise(t, Options{})
	require.ErrorIs(t, s.Start(within(t), "a"), troupe.ErrNoInstance)
	require.NoError(t, s.Launch(within(t), named("b", configs.OnFailureAuto), named("a", configs.OnFailureAuto)))
	list, err := s.List(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, []string{list[0].Name, list[1].Name})
	require.EqualError(t, s.Start(within(t), "a"), "instance a: it runs already")
	require.NoError(t, s.Stop(within(t), "a"))
	require.EqualError(t, s.Stop(within(t), "a"), "instance a: it is stopped already")
	require.NoError(t, s.Start(within(t), "a"))
	err = s.Stop(within(t), "c")
	require.ErrorIs(t, err, troupe.ErrNoInstance)
	require.ErrorContains(t, err, `as "c": there are a, b`)
}

// What goes wrong at the end of an instance is told to who stopped it, and kept.
func TestStopThatGoesWrong(t *testing.T) {
	s := supervise(t, Options{})
	require.NoError(t, s.Launch(within(t), named("a", configs.OnFailureAuto), named("b", configs.OnFailureAuto)))
	s.closing["a"] = errLost
	err := s.Stop(within(t), "a")
	require.ErrorIs(t, err, errLost)
	require.EqualError(t, err, "instance a: it was stopped, and something went wrong at its end: the disk is gone")
	require.Equal(t, troupe.InstanceStopped, s.status("a").State)
	require.Equal(t, errLost.Error(), s.status("a").Error)
	require.Equal(t, 1, s.logs.FilterMessage("the instance was stopped, and something went wrong at its end").Len())

	// It is not said of an end that was another.
	require.NoError(t, s.Start(within(t), "a"))
	s.set(func() { delete(s.closing, "a") })
	require.NoError(t, s.Stop(within(t), "a"))
	require.NoError(t, s.Stop(within(t), "b"))
}

// A start that takes long holds up nothing, and is given up when nobody wants it
// any more.
func TestSlowStart(t *testing.T) {
	s := supervise(t, Options{})
	block := make(chan struct{})
	s.block["a"] = block
	launched := make(chan error, 1)
	go func() {
		launched <- s.Launch(within(t), named("a", configs.OnFailureAuto), named("b", configs.OnFailureAuto))
	}()
	s.await("b")
	_, err := s.Configure(within(t), "b", named("b", configs.OnFailureStop).Config)
	require.NoError(t, err)
	require.NoError(t, s.Launch(within(t), named("c", configs.OnFailureAuto)))
	require.NoError(t, s.Stop(within(t), "b"))
	require.Equal(t, troupe.InstanceStarting, s.status("a").State)
	require.EqualError(t, s.Start(within(t), "a"), "instance a: it is starting already")
	require.NoError(t, s.Stop(within(t), "a"))
	require.NoError(t, <-launched)
	require.Empty(t, s.status("a").Error)

	started := make(chan error, 1)
	go func() { started <- s.Start(within(t), "a") }()
	s.becomes("a", troupe.InstanceStarting)
	close(block)
	require.NoError(t, <-started)
	require.Equal(t, troupe.InstanceRunning, s.status("a").State)
}

// await waits until an instance is there and runs.
func (s *supervised) await(name string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		list, err := s.List(s.t.Context())
		require.NoError(s.t, err)
		for _, i := range list {
			if i.Name == name {
				return i.State == troupe.InstanceRunning
			}
		}
		return false
	}, patience, time.Millisecond)
}

// Who wants it to start while it stops gets another one afterwards.
func TestStartWhileStopping(t *testing.T) {
	s := supervise(t, Options{})
	s.drain = make(chan struct{})
	require.NoError(t, s.Launch(within(t), named("a", configs.OnFailureAuto)))
	before := s.broker("a")
	stopped, started := make(chan error, 1), make(chan error, 1)
	go func() { stopped <- s.Stop(within(t), "a") }()
	s.becomes("a", troupe.InstanceStopping)
	go func() { started <- s.Start(within(t), "a") }()
	require.EqualError(t, <-stopped, "instance a: it was started meanwhile")
	close(s.drain)
	require.NoError(t, <-started)
	require.NotSame(t, before, s.broker("a"))
}

// Shutdown ends all at once, and at once when its time is over.
func TestShutdown(t *testing.T) {
	s := supervise(t, Options{})
	s.drain = make(chan struct{})
	block := make(chan struct{})
	s.block["slow"] = block
	require.NoError(t, s.Launch(within(t), named("a", configs.OnFailureAuto), named("b", configs.OnFailureAuto)))
	launched := make(chan error, 1)
	go func() { launched <- s.Launch(within(t), named("slow", configs.OnFailureAuto)) }()
	require.Eventually(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.starts["slow"] == 1 }, patience, time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- s.Shutdown(ctx) }()
	s.becomes("a", troupe.InstanceStopping)
	require.NoError(t, <-launched)
	cancel()
	require.ErrorIs(t, <-over, context.Canceled)
	require.NoError(t, s.Err())
	require.Zero(t, s.Running())
	require.NoError(t, s.Shutdown(within(t)), "a second time")
}

// Shutdown tells what went wrong at the end of each, as does Err of the last one if
// that was stopped; what is over and was told is not told again.
func TestWrongEndOfAll(t *testing.T) {
	s := supervise(t, Options{})
	require.NoError(t, s.Launch(within(t), named("a", configs.OnFailureAuto), named("b", configs.OnFailureAuto), named("c", configs.OnFailureAuto)))
	s.set(func() { s.closing["a"], s.closing["b"] = errLost, errLost })
	require.ErrorIs(t, s.Stop(within(t), "b"), errLost)
	require.EqualError(t, s.Supervisor.Shutdown(within(t)), "instance a: it was stopped, and something went wrong at its end: "+errLost.Error())
	require.NoError(t, s.Err())
	s.ended = true

	s = supervise(t, Options{UntilLast: true})
	require.NoError(t, s.Launch(within(t), named("a", configs.OnFailureAuto)))
	s.set(func() { s.closing["a"] = errLost })
	require.ErrorIs(t, s.Stop(within(t), "a"), errLost)
	require.ErrorIs(t, s.over(), errLost)
	s.ended = true
}

func TestShutdownOfNone(t *testing.T) {
	s := supervise(t, Options{UntilLast: true})
	require.NoError(t, s.Shutdown(within(t)))
	require.ErrorIs(t, s.Launch(within(t)), ErrClosed)
}

// A reload reads the file of one, tells what needs a restart, and what was read
// is what the next start takes.
func TestReload(t *testing.T) {
	s := supervise(t, Options{})
	dir := t.TempDir()
	path := file(t, dir, "all.yaml", "data_dir: ''\ninstances:\n- {name: a, listeners: []}\n- {name: b, listeners: []}\n")
	all, err := configs.LoadAll([]string{path}, configs.Inputs{})
	require.NoError(t, err)
	require.NoError(t, s.Launch(within(t), all...))
	require.Equal(t, path, s.status("a").ConfigFile)

	restart, err := s.Reload(within(t), "a")
	require.NoError(t, err)
	require.Empty(t, restart)
	file(t, dir, "all.yaml", "data_dir: ''\ninstances:\n- {name: a, listeners: [], limits: {topic_levels: 7}}\n- {nmae: b}\n")
	restart, err = s.Reload(within(t), "a")
	require.NoError(t, err)
	require.Equal(t, []string{"limits.topic_levels"}, restart)
	_, err = s.Reload(within(t), "b")
	require.ErrorContains(t, err, "instances[1].nmae: unknown key; did you mean name?")
	require.Equal(t, 128, s.broker("a").config.Limits.TopicLevels)
	require.NoError(t, s.Stop(within(t), "a"))
	require.NoError(t, s.Start(within(t), "a"))
	require.Equal(t, 7, s.broker("a").config.Limits.TopicLevels)

	// What another has is refused, and changes nothing.
	file(t, dir, "all.yaml", "data_dir: ''\ninstances:\n- {name: a, listeners: [{name: x, address: '127.0.0.1:5'}]}\n- {name: b, listeners: []}\n")
	restart, err = s.Reload(within(t), "a")
	require.NoError(t, err)
	require.Equal(t, []string{"listeners", "limits.topic_levels"}, restart)
	file(t, dir, "all.yaml", "data_dir: ''\ninstances:\n- {name: b, listeners: [{name: x, address: ':5', allow_anonymous: true}]}\n")
	_, err = s.Reload(within(t), "b")
	require.ErrorContains(t, err, "is taken by 127.0.0.1:5, listener x of instance a")

	_, err = s.Reload(within(t), "c")
	require.ErrorIs(t, err, troupe.ErrNoInstance)
}

// A program changes the configuration of an instance, stopped or not.
func TestConfigure(t *testing.T) {
	s := supervise(t, Options{})
	require.NoError(t, s.Launch(within(t), named("a", configs.OnFailureAuto)))
	_, err := s.Reload(within(t), "a")
	require.ErrorContains(t, err, "its configuration was made by the program")
	c := named("other", configs.OnFailureAuto).Config
	c.Limits.TopicLevels = 5
	restart, err := s.Configure(within(t), "a", c)
	require.NoError(t, err)
	require.Equal(t, []string{"name", "limits.topic_levels"}, restart)
	require.NoError(t, s.Stop(within(t), "a"))
	c.Limits.TopicLevels = 6
	_, err = s.Configure(within(t), "a", c)
	require.NoError(t, err)
	c.Limits.TopicLevels = -6
	_, err = s.Configure(within(t), "a", c)
	require.ErrorContains(t, err, "limits.topic_levels: -6 is not allowed")
	require.NoError(t, s.Start(within(t), "a"))
	require.Equal(t, 6, s.broker("a").config.Limits.TopicLevels)
	require.Equal(t, "a", s.broker("a").config.Name)
}

func TestAdd(t *testing.T) {
	s := supervise(t, Options{})
	dir := t.TempDir()
	require.NoError(t, s.Launch(within(t), named("a", configs.OnFailureAuto)))
	names, err := s.Add(within(t), file(t, dir, "more.yaml", "data_dir: ''\ninstances:\n- {name: b, listeners: []}\n- {name: c, listeners: []}\n"))
	require.NoError(t, err)
	require.Equal(t, []string{"b", "c"}, names)
	require.Equal(t, troupe.InstanceRunning, s.status("c").State)
	for text, want := range map[string]string{
		"nmae: x": "did you mean name?",
		"data_dir: ''\ninstances:\n- {name: d, listeners: []}\n- {name: a, listeners: []}\n": `more.yaml:4: instances[1].name: "a" is the name of instance a`,
	} {
		_, err = s.Add(within(t), file(t, dir, "more.yaml", text))
		require.ErrorContains(t, err, want)
	}
	list, err := s.List(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 3)
}

// One that is stopped can be taken out, and another of its name can come.
func TestRemove(t *testing.T) {
	s := supervise(t, Options{UntilLast: true})
	require.NoError(t, s.Launch(within(t), named("a", configs.OnFailureAuto), named("b", configs.OnFailureStop), named("c", configs.OnFailureRestart)))
	require.ErrorIs(t, s.Remove(within(t), "none"), troupe.ErrNoInstance)
	require.EqualError(t, s.Remove(within(t), "a"), "instance a: it is running; only one that is stopped or has failed can be removed, so stop it first")
	s.set(func() { s.wrong["c"] = errLost })
	s.broker("c").end(errLost)
	require.Eventually(t, func() bool { return s.status("c").Restarts > 0 }, patience, time.Millisecond)
	require.ErrorContains(t, s.Remove(within(t), "c"), "so stop it first", "it is tried again")
	require.NoError(t, s.Stop(within(t), "c"))
	require.NoError(t, s.Remove(within(t), "c"))
	s.broker("b").end(errLost)
	s.becomes("b", troupe.InstanceFailed)
	require.NoError(t, s.Remove(within(t), "b"))
	list, err := s.List(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
	for _, err := range []error{s.Start(within(t), "b"), s.Stop(within(t), "b"), s.Remove(within(t), "b")} {
		require.ErrorIs(t, err, troupe.ErrNoInstance)
	}

	// Nothing of it is in the way, and the one that is left is alone.
	require.NoError(t, s.Launch(within(t), named("b", configs.OnFailureStop)))
	require.NoError(t, s.Stop(within(t), "b"))
	require.NoError(t, s.Remove(within(t), "b"))
	s.broker("a").end(errLost)
	require.EqualError(t, s.over(), errLost.Error())
	require.ErrorIs(t, s.Remove(within(t), "a"), ErrClosed)
}

// The loops of the machine are shared out, unless an instance says how many.
func TestEventLoops(t *testing.T) {
	s := supervise(t, Options{})
	b := named("b", configs.OnFailureAuto)
	b.Config.Limits.EventLoops = 5
	require.NoError(t, s.Launch(within(t), named("a", configs.OnFailureAuto), b))
	machine := max(1, runtime.GOMAXPROCS(0)-1)
	require.Equal(t, (machine+1)/2, s.broker("a").config.Limits.EventLoops)
	require.Equal(t, 5, s.broker("b").config.Limits.EventLoops)
	restart, err := s.Configure(within(t), "a", named("a", configs.OnFailureAuto).Config)
	require.NoError(t, err)
	require.Empty(t, restart)
}

// bomb fails the actor in the middle of its turn, once.
type bomb struct {
	zapcore.Core
	once sync.Once
}

func (b *bomb) Check(e zapcore.Entry, c *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if e.Message == "the instance failed, and is started again" {
		b.once.Do(func() { panic("on purpose") })
	}
	return c
}

func (b *bomb) With([]zapcore.Field) zapcore.Core { return b }

// The actor goes on with all that it knew after a failure of its own, and brokers
// that run are not lost.
func TestActorFails(t *testing.T) {
	s := supervise(t, Options{Log: zap.New(&bomb{Core: zapcore.NewNopCore()})})
	require.NoError(t, s.Launch(within(t), named("a", configs.OnFailureAuto), named("b", configs.OnFailureAuto)))
	other := s.broker("b")
	s.broker("a").end(errLost)
	require.Eventually(t, func() bool { i := s.status("a"); return i.State == troupe.InstanceRunning && i.Restarts == 1 }, patience, time.Millisecond)
	require.Same(t, other, s.broker("b"))
	require.NoError(t, s.Stop(within(t), "b"))
}

// Instances that run are reached by their names; of others it is said why not.
func TestDial(t *testing.T) {
	s := supervise(t, Options{})
	_, err := s.Dial(within(t), "a")
	require.ErrorIs(t, err, troupe.ErrNoInstance)
	require.NoError(t, s.Launch(within(t), named("a", configs.OnFailureAuto)))
	c, err := s.Dial(within(t), "a")
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.NoError(t, s.Stop(within(t), "a"))
	_, err = s.Dial(within(t), "a")
	require.ErrorIs(t, err, ErrNotRunning)
	require.EqualError(t, err, "instance a: it does not run, it is stopped")
}

// dialing connects to an instance beside the test.
func (s *supervised) dialing(ctx context.Context, name string) <-chan error {
	result := make(chan error, 1)
	go func() {
		c, err := s.Dial(ctx, name)
		if err == nil {
			err = c.Close()
		}
		result <- err
	}()
	return result
}

// An instance that is starting, or that failed and is started again, is waited
// for; one that nobody starts is not.
func TestDialWaits(t *testing.T) {
	s := supervise(t, Options{})
	block := make(chan struct{})
	s.block["a"] = block
	launched := make(chan error, 1)
	go func() {
		launched <- s.Launch(within(t), named("a", configs.OnFailureRestart), named("b", configs.OnFailureAuto))
	}()
	s.await("b")
	require.Equal(t, troupe.InstanceStarting, s.status("a").State)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Dial(over, "a")
	require.ErrorIs(t, err, ErrNotRunning)
	require.EqualError(t, err, "instance a: it does not run, it is starting: context canceled")
	dialed := s.dialing(within(t), "a")
	close(block)
	require.NoError(t, <-launched)
	require.NoError(t, <-dialed)

	// A failure: it waits for the next start, and then a stop ends that.
	wait := make(chan struct{})
	s.set(func() { s.block["a"] = wait })
	s.broker("a").end(errLost)
	require.Eventually(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.starts["a"] == 2 }, patience, time.Millisecond)
	dialed = s.dialing(within(t), "a")
	s.set(func() { delete(s.block, "a") })
	close(wait)
	require.NoError(t, <-dialed)
	s.set(func() { s.block["a"] = make(chan struct{}) })
	s.broker("a").end(errLost)
	s.becomes("a", troupe.InstanceStarting)
	dialed = s.dialing(within(t), "a")
	require.NoError(t, s.Stop(within(t), "a"))
	require.ErrorIs(t, <-dialed, ErrNotRunning)

	// A pause that is longer than anybody waits.
	late := named("late", configs.OnFailureRestart)
	late.Config.Supervision.Backoff = configs.Backoff{Initial: configs.Duration(time.Hour), Maximum: configs.Duration(time.Hour)}
	s.set(func() { s.wrong["late"] = errLost })
	require.NoError(t, s.Launch(within(t), late))
	_, err = s.Dial(within(t), "late")
	require.EqualError(t, err, "instance late: it does not run, it is waiting")
}

// One that stops to start again is waited for too, and not one that only stops.
func TestDialWhileStopping(t *testing.T) {
	s := supervise(t, Options{})
	s.drain = make(chan struct{})
	require.NoError(t, s.Launch(within(t), named("a", configs.OnFailureAuto)))
	go func() { _ = s.Stop(within(t), "a") }()
	s.becomes("a", troupe.InstanceStopping)
	_, err := s.Dial(within(t), "a")
	require.EqualError(t, err, "instance a: it does not run, it is stopping")
	started := make(chan error, 1)
	go func() { started <- s.Start(within(t), "a") }()
	require.Eventually(t, func() bool { return s.table.seen.Load().all[0].again }, patience, time.Millisecond)
	dialed := s.dialing(within(t), "a")
	close(s.drain)
	require.NoError(t, <-started)
	require.NoError(t, <-dialed)
}
