//go:build unix

package client

import "syscall"

func setReceiveBuffer(raw syscall.RawConn, bytes int) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, bytes)
	})
	if err != nil {
		return err
	}
	return failed
}
