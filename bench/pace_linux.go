package bench

import (
	"time"

	"golang.org/x/sys/unix"
)

// sleep waits to within some ten microseconds; Go's own timers may be a millisecond late, which is more than what is measured.
func sleep(d time.Duration) {
	if d > 0 {
		t := unix.NsecToTimespec(d.Nanoseconds())
		_ = unix.Nanosleep(&t, nil)
	}
}
