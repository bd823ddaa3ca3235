package peer

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"github.com/troupemq/troupe/bench"
)

// stopWithin is how long a broker may take to end by itself.
const stopWithin = 15 * time.Second

// Running is a broker that was started.
type Running struct {
	Target   bench.Target  // with its PID
	Answered time.Duration // from its start until it answered CONNECT

	name    string
	dir     string // removed with the process; empty: none
	process *os.Process
	said    *tail
	gone    chan struct{} // closed when it has ended, and end says how
	end     error
	died    chan error
	stop    chan struct{} // closed when it is to end

	patience time.Duration // between SIGTERM and SIGKILL
	once     sync.Once
	stopped  error
}

// launch starts the process. Its thread waits for it: Linux would kill the process when the thread that started it ends, which
// Go does to threads as it likes, and so this one is held as long as the process lives.
func launch(name string, cmd *exec.Cmd) (*Running, error) {
	r := &Running{
		name: name,
		said: new(tail),
		gone: make(chan struct{}),
		died: make(chan error, 1),
		stop: make(chan struct{}),

		patience: stopWithin,
	}
	cmd.Stdout, cmd.Stderr = r.said, r.said
	cmd.WaitDelay = time.Second // for children of its own that hold its output open
	bind(cmd)
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		err = cmd.Wait()
		kill(cmd.Process) // children of its own that stayed
		if err == nil || errors.Is(err, exec.ErrWaitDelay) {
			err = errors.New("exit status 0")
		}
		r.end = fmt.Errorf("%w%s", err, r.said.quote())
		close(r.gone)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	r.process = cmd.Process
	return r, nil
}

// watch tells of an end that nobody asked for.
func (r *Running) watch() {
	select {
	case <-r.stop:
	case <-r.gone:
		select {
		case <-r.stop: // both: it was asked for
		default:
			r.died <- fmt.Errorf("peer: %s died: %w", r.name, r.end)
		}
	}
}

// Died gets one error if the process ends before Stop: how it ended, with the end of what it said. It is never closed.
func (r *Running) Died() <-chan error { return r.died }

// Stop ends the process, by SIGTERM and, if it has not ended 15 s later (StopWithin of its Definition), by SIGKILL, and removes its directory. It returns
// when the process is gone. The error says that it had to be killed, or that something could not be removed; a second call
// returns the same.
func (r *Running) Stop() error {
	r.once.Do(func() {
		close(r.stop)
		r.stopped = r.terminate()
		if r.dir != "" {
			r.stopped = errors.Join(r.stopped, os.RemoveAll(r.dir))
		}
	})
	return r.stopped
}

// Kill ends the process by SIGKILL, as a crash does, and returns when it is gone. Stop does nothing after it, and it does nothing
// after Stop.
func (r *Running) Kill() error {
	r.once.Do(func() {
		close(r.stop)
		kill(r.process)
		<-r.gone
		if r.dir != "" {
			r.stopped = os.RemoveAll(r.dir)
		}
	})
	return r.stopped
}

func (r *Running) terminate() error {
	select {
	case <-r.gone:
		return nil
	default:
	}
	ask(r.process)
	patience := time.NewTimer(r.patience)
	defer patience.Stop()
	select {
	case <-r.gone:
		return nil
	case <-patience.C:
	}
	kill(r.process)
	<-r.gone
	return fmt.Errorf("peer: %s did not end within %s of being asked to, and was killed%s", r.name, r.patience, r.said.quote())
}
