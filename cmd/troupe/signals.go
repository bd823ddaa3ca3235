package main

import (
	"os"
	"time"
)

// sameSignal is how long after a signal another one is taken for the same: who ends
// a process often signals it and its group, as coreutils' timeout does, or a terminal
// and a supervisor both do.
const sameSignal = time.Second

// another waits for a signal that came more than sameSignal after the first. It is
// false if done is closed before.
func another(signals <-chan os.Signal, first time.Time, now func() time.Time, done <-chan struct{}) bool {
	for {
		select {
		case <-signals:
			if now().Sub(first) > sameSignal {
				return true
			}
		case <-done:
			return false
		}
	}
}
