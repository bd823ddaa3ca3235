// Package holder finds out which process has what another one needs: a port or a
// locked directory. It asks the operating system and nobody else, changes
// nothing, and does not know what it may not see: on Linux it sees all processes
// of the same user, and as root those of others too; on other systems none.
package holder

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// Process is one that has something. The zero value is one that is not known.
type Process struct {
	ID      int
	Command string // the name of its program, without arguments; empty: not known
}

// String is "process 4711 (mosquitto)", or "another process".
func (p Process) String() string {
	switch {
	case p.ID == 0:
		return "another process"
	case p.Command == "":
		return fmt.Sprintf("process %d", p.ID)
	default:
		return fmt.Sprintf("process %d (%s)", p.ID, p.Command)
	}
}

// OfAddress is the process that listens for TCP where host:port would, as
// net.Listen reads it: at the same port, of an address that is the same or
// stands for all.
func OfAddress(address string) Process {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return Process{}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return Process{}
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	ip, _ := netip.ParseAddr(host) // of a name or none it is not valid: any address will do
	return listening(netip.AddrPortFrom(ip.Unmap().WithZone(""), uint16(n)))
}

// OfDirectory is the process that has locked a directory with flock.
func OfDirectory(dir string) Process { return locking(dir) }

// InUse adds to the error of a net.Listen at address which process has it, if
// that is what the error says.
func InUse(address string, err error) error {
	if !errors.Is(err, errInUse) {
		return err
	}
	return fmt.Errorf("%w by %v", err, OfAddress(address))
}
