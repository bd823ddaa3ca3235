package eventloop

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// acceptMost is how many connections are accepted in one turn of the loop before the others on it have theirs.
const acceptMost = 64

// How a connection notices that its peer is gone without a word, in seconds and tries: as package net has it.
const (
	keepAliveIdle     = 15
	keepAliveInterval = 15
	keepAliveCount    = 9
)

// acceptor is a listening socket in the epoll set of a loop. A connection costs it one system call: Linux lets it inherit what was set of the
// listening socket.
type acceptor struct {
	*Listener
	socket *socket
	timer  Timer // while it rests
}

// newAcceptor takes a listening TCP socket over, on the loop's turn. It is nil if that is something else, or cannot be.
func newAcceptor(on Loop, l *Listener) *acceptor {
	tcp, isTCP := l.listener.(*net.TCPListener)
	own, isOwn := on.(*loop)
	if !isTCP || !isOwn {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	a := &acceptor{Listener: l, socket: &socket{loop: own, fd: -1}}
	a.socket.handler = a
	a.timer.Init(a)
	failure := raw.Control(func(fd uintptr) {
		var duplicate int
		duplicate, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
		a.socket.fd = int32(duplicate)
	})
	if failure != nil || err != nil {
		return nil
	}
	fd := int(a.socket.fd)
	for _, option := range [...]struct{ level, name, value int }{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepAliveIdle},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, keepAliveInterval},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAliveCount},
	} {
		if err == nil {
			err = unix.SetsockoptInt(fd, option.level, option.name, option.value)
		}
	}
	if err != nil || own.poller.enter(a.socket) != nil {
		_ = unix.Close(fd)
		return nil
	}
	_ = tcp.Close() // the duplicate goes on listening
	a.socket.Interest(true, false)
	return a
}

// Ready implements Handler: somebody wants to connect.
func (a *acceptor) Ready(Events) {
	for range acceptMost {
		fd, address, errno := accept(a.socket.fd)
		switch errno {
		case 0:
			a.again()
			s := &socket{loop: a.socket.loop, fd: fd}
			if s.loop.poller.enter(s) != nil { // the group is closing
				_ = closeFD(fd)
				return
			}
			a.accept(&fresh{s, peer{address}})
		case unix.EAGAIN:
			return
		case unix.EINTR, unix.ECONNABORTED:
		default:
			pause := a.failed(os.NewSyscallError("accept4", errno))
			a.socket.Interest(false, false)
			a.socket.loop.Start(&a.timer, a.socket.loop.Now()+pause.Milliseconds())
			return
		}
		if a.socket.closed { // by what accept led to
			return
		}
	}
}

// Expire implements Alarm: it has rested.
func (a *acceptor) Expire() { a.socket.Interest(true, false) }

// close stops listening. On the loop only.
func (a *acceptor) close() error {
	a.socket.loop.Stop(&a.timer)
	return a.socket.Close()
}

// accept takes one connection. Like all that a socket does it enters the kernel without telling Go's scheduler, for it never waits: one that
// is told takes the processor away from a loop whose call takes 20 us, as many of these do.
func accept(listening int32) (fd int32, from netip.AddrPort, errno syscall.Errno) {
	var name unix.RawSockaddrAny
	size := uint32(unix.SizeofSockaddrAny)
	n, _, errno := syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listening), uintptr(unsafe.Pointer(&name)), uintptr(unsafe.Pointer(&size)),
		unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, from, errno
	}
	return int32(n), addressOf(&name), 0
}

// closeFD closes a descriptor of a socket, which never waits as long as nobody has asked it to linger.
func closeFD(fd int32) error {
	if _, _, errno := syscall.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0); errno != 0 {
		return os.NewSyscallError("close", errno)
	}
	return nil
}

// addressOf reads what the kernel says of a peer.
func addressOf(name *unix.RawSockaddrAny) netip.AddrPort {
	switch name.Addr.Family {
	case unix.AF_INET:
		a := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), portOf(&a.Port))
	case unix.AF_INET6:
		a := (*unix.RawSockaddrInet6)(unsafe.Pointer(name))
		address := netip.AddrFrom16(a.Addr).Unmap()
		if a.Scope_id != 0 {
			zone := strconv.Itoa(int(a.Scope_id))
			if known, err := net.InterfaceByIndex(int(a.Scope_id)); err == nil {
				zone = known.Name
			}
			address = address.WithZone(zone)
		}
		return netip.AddrPortFrom(address, portOf(&a.Port))
	}
	return netip.AddrPort{}
}

// portOf reads a port, whose high byte comes first.
func portOf(port *uint16) uint16 { return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(port))[:]) }

// fresh is a connection that was accepted on a loop. It is bound to that one already, so that it does not outlive the group if nobody takes it.
type fresh struct {
	socket *socket // nil once it was attached
	peer   peer
}

// peer is the address of one as a net.Addr.
type peer struct{ netip.AddrPort }

// Network implements net.Addr.
func (peer) Network() string { return "tcp" }

// RemoteAddr implements Conn.
func (f *fresh) RemoteAddr() net.Addr { return &f.peer }

// Close implements Conn.
func (f *fresh) Close() error {
	if f.socket == nil {
		return nil
	}
	return f.socket.Close()
}

// attach binds it to a loop.
func (f *fresh) attach(own *loop, h Handler) (*socket, error) {
	s := f.socket
	if s == nil || s.closed {
		return nil, ErrClosed
	}
	if s.loop != own {
		s.loop.poller.leave(s)
		s.loop = own
		if err := own.poller.enter(s); err != nil {
			s.closed = true
			_ = closeFD(s.fd)
			return nil, err
		}
	}
	s.handler = h
	f.socket = nil
	return s, nil
}
