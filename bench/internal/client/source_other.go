//go:build !linux

package client

import "syscall"

// choosePortLate does nothing: source addresses are chosen on Linux alone.
func choosePortLate(syscall.RawConn) error { return nil }
