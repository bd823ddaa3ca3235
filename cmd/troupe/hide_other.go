//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package main

import (
	"os"

	"golang.org/x/term"
)

// hideTyping leaves it to readHidden: what is typed before that is shown.
func hideTyping(int) error { return nil }

// readHidden reads one line that is not shown.
func readHidden(terminal *os.File) ([]byte, error) { return term.ReadPassword(int(terminal.Fd())) }
