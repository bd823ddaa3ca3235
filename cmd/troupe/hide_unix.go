//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package main

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// hideTyping has a terminal show nothing of what is typed, and give it line by line.
// Its state from before is for the caller to restore.
func hideTyping(terminal int) error {
	state, err := unix.IoctlGetTermios(terminal, getTermios)
	if err != nil {
		return err
	}
	state.Lflag &^= unix.ECHO
	state.Lflag |= unix.ICANON | unix.ISIG
	state.Iflag |= unix.ICRNL
	return unix.IoctlSetTermios(terminal, setTermios, state)
}

// readHidden reads one line and nothing behind it. term.ReadPassword would set the
// terminal once more, maybe after it was restored.
func readHidden(terminal *os.File) (line []byte, err error) {
	for one := make([]byte, 1); ; {
		n, err := terminal.Read(one)
		switch {
		case n == 1 && one[0] == '\n', errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		case n == 1:
			line = append(line, one[0])
		case err != nil:
			return nil, err
		}
	}
}
