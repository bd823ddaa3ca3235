package instances

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/configs"
)

// Whatever is asked and whatever happens, in any order: there is one broker at a
// time, it ends only if somebody wants it to, and when all has come to rest the
// instance is what was last asked for or what its policy says.
func TestLifeModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy := configs.Defaults().Supervision
		policy.OnFailure = rapid.SampledFrom([]configs.OnFailure{configs.OnFailureAuto, configs.OnFailureRestart, configs.OnFailureStop, configs.OnFailureStopAll}).Draw(t, "policy")
		others := rapid.Bool().Draw(t, "others")
		now := int64(1)
		l := newLife(policy, now)
		l.random = func() float64 { return rapid.Float64Range(0, 1).Draw(t, "random") }

		const none, coming, up, going = "none", "coming", "up", "going"
		broker := none
		wanted := false // by who asked last, or since the policy gave up
		do := func(a act) {
			switch a {
			case launch:
				require.Equal(t, none, broker, "one at a time")
				broker = coming
			case abandon:
				require.Equal(t, coming, broker)
			case shut:
				require.Equal(t, up, broker)
				broker = going
			case endAll:
				require.Equal(t, configs.OnFailureStopAll, policy.OnFailure)
			}
		}
		check := func() {
			running := map[string][]troupe.InstanceState{
				none:   {troupe.InstanceStopped, troupe.InstanceFailed, troupe.InstanceWaiting},
				coming: {troupe.InstanceStarting}, up: {troupe.InstanceRunning}, going: {troupe.InstanceStopping},
			}[broker]
			require.Contains(t, running, l.state)
			if l.state == troupe.InstanceWaiting {
				require.Equal(t, configs.OnFailureRestart, l.onFailure(others))
				require.GreaterOrEqual(t, l.retryAt, l.since)
				require.LessOrEqual(t, l.retryAt-l.since, policy.Backoff.Maximum.Std().Milliseconds())
			}
			require.Equal(t, l.active(), broker != none || l.state == troupe.InstanceWaiting)
		}
		fail := func(err error) {
			state, after := l.state, l.then
			a := l.ended(err, others, now)
			broker = none
			if err != nil && !errors.Is(err, errAbandoned) {
				require.Equal(t, err, l.err)
				require.Equal(t, now, l.errAt)
			}
			if state == troupe.InstanceStopping || after != goOn {
				require.Equal(t, after == start, a == launch)
			} else if l.state != troupe.InstanceWaiting {
				wanted = false
			}
			do(a)
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(*rapid.T) { check() },
			"start": func(*rapid.T) {
				a, err := l.start(now)
				wanted = true
				if err != nil {
					require.Contains(t, []string{coming, up}, broker)
				}
				do(a)
			},
			"stop": func(*rapid.T) {
				a, err := l.stop(now)
				wanted = false
				if err != nil {
					require.NotEqual(t, up, broker)
				}
				do(a)
			},
			"comes up": func(t *rapid.T) {
				if broker != coming {
					t.Skip()
				}
				broker = up
				do(l.started(now))
			},
			"fails": func(t *rapid.T) {
				if broker == none {
					t.Skip()
				}
				fail(rapid.SampledFrom([]error{errors.New("x"), nil}).Draw(t, "err"))
			},
			"time": func(t *rapid.T) {
				now += rapid.Int64Range(0, 120_000).Draw(t, "ms")
				do(l.tick(now))
			},
		})
		// Everything comes to rest: starts succeed, brokers end as they are told.
		for range 10 {
			switch broker {
			case coming:
				broker = up
				do(l.started(now))
			case going:
				fail(nil)
			}
			now += policy.Backoff.Maximum.Std().Milliseconds()
			do(l.tick(now))
		}
		check()
		require.Equal(t, wanted, l.state == troupe.InstanceRunning, "%s", l.state)
	})
}

// The pause doubles up to the bound, and begins anew once the instance ran well.
func TestBackoff(t *testing.T) {
	policy := configs.Supervision{OnFailure: configs.OnFailureRestart, Backoff: configs.Backoff{
		Initial: configs.Duration(100 * time.Millisecond), Maximum: configs.Duration(time.Second),
	}}
	now := int64(0)
	l := newLife(policy, now)
	random := 0.0
	l.random = func() float64 { return random }
	failed := errors.New("failed")
	_, err := l.start(now)
	require.NoError(t, err)
	for i, want := range []int64{100, 200, 400, 800, 1000, 1000} {
		require.Equal(t, nothing, l.ended(failed, false, now))
		require.Equal(t, want, l.retryAt-now)
		require.Equal(t, nothing, l.tick(l.retryAt-1))
		now = l.retryAt
		require.Equal(t, launch, l.tick(now))
		require.EqualValues(t, i+1, l.restarts)
	}
	random = 1
	require.Equal(t, nothing, l.ended(failed, false, now))
	require.EqualValues(t, 500, l.retryAt-now, "shortened by up to a half")
	now = l.retryAt
	require.Equal(t, launch, l.tick(now))

	require.Equal(t, nothing, l.started(now))
	now += l.healthy() - 1
	random = 0
	require.Equal(t, nothing, l.ended(failed, false, now))
	require.EqualValues(t, 1000, l.retryAt-now, "it did not run for long")
	now = l.retryAt
	require.Equal(t, launch, l.tick(now))
	require.Equal(t, nothing, l.started(now))
	now += l.healthy()
	require.Equal(t, nothing, l.ended(failed, false, now))
	require.EqualValues(t, 100, l.retryAt-now)
}

// What auto stands for depends on whether there are others.
func TestPolicies(t *testing.T) {
	for _, c := range []struct {
		policy configs.OnFailure
		others bool
		state  troupe.InstanceState
		act    act
	}{
		{configs.OnFailureAuto, true, troupe.InstanceWaiting, nothing},
		{configs.OnFailureAuto, false, troupe.InstanceFailed, nothing},
		{configs.OnFailureRestart, false, troupe.InstanceWaiting, nothing},
		{configs.OnFailureStop, true, troupe.InstanceFailed, nothing},
		{configs.OnFailureStopAll, true, troupe.InstanceFailed, endAll},
	} {
		policy := configs.Defaults().Supervision
		policy.OnFailure = c.policy
		l := newLife(policy, 0)
		a, err := l.start(0)
		require.NoError(t, err)
		require.Equal(t, launch, a)
		require.Equal(t, c.act, l.ended(errors.New("x"), c.others, 1))
		require.Equal(t, c.state, l.state)
		// One that ends without a failure was shut down by the program.
		l = newLife(policy, 0)
		_, _ = l.start(0)
		l.started(0)
		require.Equal(t, nothing, l.ended(nil, c.others, 1))
		require.Equal(t, troupe.InstanceStopped, l.state)
	}
}
