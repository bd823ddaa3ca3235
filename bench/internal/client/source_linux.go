package client

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// choosePortLate has the system choose the port of a socket that is bound to an address when it connects, and not before: a port
// that is in use towards one broker may then serve towards another, and those that wait after a close are not in the way.
func choosePortLate(raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	})
	if err != nil {
		return err
	}
	return failed
}
