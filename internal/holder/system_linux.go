package holder

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// proc is where the kernel tells of processes.
const proc = "/proc"

// listening finds the socket in the tables of the kernel, and then the process
// that has it open.
func listening(want netip.AddrPort) Process {
	for _, table := range []string{"net/tcp", "net/tcp6"} {
		text, err := os.ReadFile(filepath.Join(proc, table))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			at, inode, ok := listener(line)
			if !ok || at.Port() != want.Port() {
				continue
			}
			if wide := at.Addr().IsUnspecified() || !want.Addr().IsValid() || want.Addr().IsUnspecified(); !wide && at.Addr() != want.Addr() {
				continue
			}
			if p := having("socket:[" + inode + "]"); p.ID != 0 {
				return p
			}
		}
	}
	return Process{}
}

// listener reads a line of /proc/net/tcp or tcp6, if it is that of a socket that
// listens:
//
//	0: 0100007F:075B 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000  0 39185 1 ...
func listener(line string) (at netip.AddrPort, inode string, ok bool) {
	const state, listen = 3, "0A"
	fields := strings.Fields(line)
	if len(fields) < 10 || fields[state] != listen {
		return at, "", false
	}
	host, port, found := strings.Cut(fields[1], ":")
	n, err := strconv.ParseUint(port, 16, 16)
	words, hexErr := hex.DecodeString(host)
	if !found || err != nil || hexErr != nil || len(words)%4 != 0 {
		return at, "", false
	}
	for i := 0; i < len(words); i += 4 { // each in the order of bytes of the machine
		binary.BigEndian.PutUint32(words[i:], binary.NativeEndian.Uint32(words[i:]))
	}
	ip, ok := netip.AddrFromSlice(words)
	return netip.AddrPortFrom(ip.Unmap(), uint16(n)), fields[9], ok
}

// having is a process that has open what the link of a descriptor says.
func having(link string) Process {
	ids, err := os.ReadDir(proc)
	if err != nil {
		return Process{}
	}
	for _, entry := range ids {
		if id, err := strconv.Atoi(entry.Name()); err == nil && has(id, func(to string) bool { return to == link }) {
			return known(id)
		}
	}
	return Process{}
}

// has tells whether a process has a descriptor whose link is like that.
func has(id int, like func(link string) bool) bool {
	dir := filepath.Join(proc, strconv.Itoa(id), "fd")
	descriptors, _ := os.ReadDir(dir)
	for _, d := range descriptors {
		if to, err := os.Readlink(filepath.Join(dir, d.Name())); err == nil && like(to) {
			return true
		}
	}
	return false
}

// locking finds the lock in the table of the kernel. The number of the device
// there is not always that of the directory, as on btrfs: then the process has to
// have the directory open.
func locking(dir string) Process {
	var s syscall.Stat_t
	if err := syscall.Stat(dir, &s); err != nil {
		return Process{}
	}
	text, err := os.ReadFile(filepath.Join(proc, "locks"))
	if err != nil {
		return Process{}
	}
	device := fmt.Sprintf("%02x:%02x", unix.Major(uint64(s.Dev)), unix.Minor(uint64(s.Dev)))
	real, _ := filepath.EvalSymlinks(dir)
	if path, err := filepath.Abs(real); err == nil {
		real = path
	}
	for line := range strings.Lines(string(text)) {
		id, at, inode, ok := flock(line)
		if ok && inode == s.Ino && (at == device || has(id, func(to string) bool { return to == real })) {
			return known(id)
		}
	}
	return Process{}
}

// flock reads a line of /proc/locks, if it is that of a flock that somebody has:
//
//	1: FLOCK  ADVISORY  WRITE 4711 08:01:131074 0 EOF
func flock(line string) (id int, device string, inode uint64, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 6 || fields[1] != "FLOCK" {
		return 0, "", 0, false
	}
	id, err := strconv.Atoi(fields[4])
	cut := strings.LastIndexByte(fields[5], ':')
	if err != nil || id <= 0 || cut < 0 { // it is of another namespace
		return 0, "", 0, false
	}
	inode, err = strconv.ParseUint(fields[5][cut+1:], 10, 64)
	return id, fields[5][:cut], inode, err == nil
}

// known is a process with the name that it has now.
func known(id int) Process {
	name, _ := os.ReadFile(filepath.Join(proc, strconv.Itoa(id), "comm"))
	return Process{ID: id, Command: strings.TrimSpace(string(name))}
}
