package instances

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/configs"
)

// life is what becomes of one instance: its state, and what is to be done next.
// It is pure: it is told what happens and what time it is, in Unix milliseconds.
//
// Invariant: a broker is being started or runs exactly in the states starting,
// running and stopping. Nothing is begun in those but its end.
type life struct {
	policy configs.Supervision
	random func() float64 // from 0 to 1

	state    troupe.InstanceState
	since    int64
	then     then  // while starting or stopping
	retryAt  int64 // while waiting
	failures int   // in a row
	ran      int64 // since when it runs
	restarts int64
	err      error // of the last failure
	errAt    int64 // when that was
}

// then is what is to come after what is under way.
type then uint8

const (
	goOn  then = iota
	stop       // once it has started
	start      // once it has stopped
)

// act is what is to be done.
type act uint8

const (
	nothing act = iota
	launch      // start a broker
	abandon     // hurry the start that is under way
	shut        // shut the broker down
	endAll      // shut everything down
)

func newLife(policy configs.Supervision, now int64) *life {
	return &life{policy: policy, random: rand.Float64, state: troupe.InstanceStopped, since: now}
}

var (
	errRunning = errors.New("it runs already")
	errStarts  = errors.New("it is starting already")
	errStopped = errors.New("it is stopped already")
	errStops   = errors.New("it is stopping already")
)

func (l *life) become(s troupe.InstanceState, now int64) {
	if l.state != s {
		l.state, l.since = s, now
	}
	l.then, l.retryAt = goOn, 0
}

// active tells whether there is a broker, or will be without anybody asking.
func (l *life) active() bool {
	return l.state != troupe.InstanceStopped && l.state != troupe.InstanceFailed
}

// start is for who wants it to run.
func (l *life) start(now int64) (act, error) {
	switch l.state {
	case troupe.InstanceRunning:
		return nothing, errRunning
	case troupe.InstanceStarting:
		if l.then == goOn {
			return nothing, errStarts
		}
		l.then = start // it was told to stop before
		return nothing, nil
	case troupe.InstanceStopping:
		l.then = start
		return nothing, nil
	default:
		l.failures = 0
		l.become(troupe.InstanceStarting, now)
		return launch, nil
	}
}

// stop is for who wants it not to run.
func (l *life) stop(now int64) (act, error) {
	switch l.state {
	case troupe.InstanceStopped:
		return nothing, errStopped
	case troupe.InstanceStarting:
		if l.then == stop {
			return nothing, errStops
		}
		l.then = stop
		return abandon, nil
	case troupe.InstanceStopping:
		if l.then == goOn {
			return nothing, errStops
		}
		l.then = goOn
		return nothing, nil
	case troupe.InstanceRunning:
		l.become(troupe.InstanceStopping, now)
		return shut, nil
	default:
		l.become(troupe.InstanceStopped, now)
		return nothing, nil
	}
}

// started is for a broker that has come up.
func (l *life) started(now int64) act {
	after := l.then
	l.become(troupe.InstanceRunning, now)
	l.ran = now
	if after == goOn {
		return nothing
	}
	// Who wanted it to stop and then to start gets one that began after that.
	l.become(troupe.InstanceStopping, now)
	l.then = after
	if after == stop {
		l.then = goOn
	}
	return shut
}

// ended is for a broker that did not come up, or is no more. err is nil if it was
// shut down; others tells whether there are more instances.
func (l *life) ended(err error, others bool, now int64) act {
	asked := l.state == troupe.InstanceStopping || l.then != goOn
	again := l.then == start
	ran := int64(0)
	if l.state == troupe.InstanceRunning {
		ran = now - l.ran
	}
	if asked && errors.Is(err, errAbandoned) {
		err = nil
	}
	if err != nil {
		l.err, l.errAt = err, now
	}
	switch {
	case again:
		l.failures = 0
		l.become(troupe.InstanceStarting, now)
		return launch
	case asked, err == nil:
		l.become(troupe.InstanceStopped, now)
		return nothing
	}
	if ran >= l.healthy() {
		l.failures = 0
	}
	switch l.onFailure(others) {
	case configs.OnFailureRestart:
		pause := l.pause()
		l.failures++
		l.become(troupe.InstanceWaiting, now)
		l.retryAt = now + pause
		return nothing
	case configs.OnFailureStopAll:
		l.become(troupe.InstanceFailed, now)
		return endAll
	default:
		l.become(troupe.InstanceFailed, now)
		return nothing
	}
}

// tick is for the passing of time.
func (l *life) tick(now int64) act {
	if l.state != troupe.InstanceWaiting || now < l.retryAt {
		return nothing
	}
	l.restarts++
	l.become(troupe.InstanceStarting, now)
	return launch
}

// onFailure is what the policy comes down to.
func (l *life) onFailure(others bool) configs.OnFailure {
	switch {
	case l.policy.OnFailure != configs.OnFailureAuto:
		return l.policy.OnFailure
	case others:
		return configs.OnFailureRestart
	default:
		return configs.OnFailureStop
	}
}

// pause is how long to wait before the next start, in milliseconds: twice as long
// after each failure, and less by up to a half at random, so that instances that
// failed together do not come back together.
func (l *life) pause() int64 {
	most := l.policy.Backoff.Maximum.Std()
	pause := l.policy.Backoff.Initial.Std()
	for range l.failures {
		if pause >= most {
			break
		}
		pause *= 2
	}
	pause = min(pause, most)
	return max(1, (pause - time.Duration(float64(pause)/2*l.random())).Milliseconds())
}

// healthy is how long an instance has to run, in milliseconds, for its failures
// to be forgotten: longer than the longest pause.
func (l *life) healthy() int64 {
	return max(10*time.Second, 2*l.policy.Backoff.Maximum.Std()).Milliseconds()
}
