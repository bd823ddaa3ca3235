package main

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Signals within a second of the first are the same one once more.
func TestAnotherSignal(t *testing.T) {
	first := time.Now()
	for _, c := range []struct {
		after []time.Duration // of each signal
		want  bool
		left  int // signals that were not looked at
	}{
		{[]time.Duration{0, time.Millisecond, time.Second}, false, 0},
		{[]time.Duration{0, time.Second + 1, time.Minute}, true, 1},
		{[]time.Duration{time.Hour}, true, 0},
		{nil, false, 0},
	} {
		signals, done := make(chan os.Signal, len(c.after)), make(chan struct{})
		for range c.after {
			signals <- os.Interrupt
		}
		n := 0
		now := func() time.Time {
			n++
			if n == len(c.after) && !c.want {
				close(done)
			}
			return first.Add(c.after[n-1])
		}
		if len(c.after) == 0 {
			close(done)
		}
		require.Equal(t, c.want, another(signals, first, now, done), c)
		require.Len(t, signals, c.left, c)
	}
}
