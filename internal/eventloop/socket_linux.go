package eventloop

import (
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is a TCP connection in the epoll set of its loop: 48 bytes, and no goroutine.
type socket struct {
	loop       *loop
	handler    Handler
	fd         int32
	slot       uint32 // in the loop's table
	generation uint32 // tells it from those that had the slot before
	known      Events // what the kernel was asked for; meaningful while added
	wanted     Events
	added      bool // the kernel has it in the epoll set
	closed     bool
	greedy     bool // filled what it was given to read
	queued     bool // for its turn among the greedy ones
}

// attachSocket takes a TCP connection off Go's poller: it keeps a duplicate of the descriptor and closes the original, which leaves the
// connection open. One that a loop accepted is on no other poller. ok is false if c is something else.
func attachSocket(c Conn, l Loop, h Handler) (s *socket, ok bool, err error) {
	own, isOwn := l.(*loop)
	if !isOwn {
		return nil, false, nil
	}
	if f, isFresh := c.(*fresh); isFresh {
		s, err = f.attach(own, h)
		return s, true, err
	}
	tcp, isTCP := c.(*net.TCPConn)
	if !isTCP {
		return nil, false, nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, true, err
	}
	s = &socket{loop: own, handler: h, fd: -1}
	// TCP_NODELAY is on: package net sets it on every TCP connection.
	failure := raw.Control(func(fd uintptr) {
		var duplicate int
		duplicate, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
		s.fd = int32(duplicate)
	})
	if failure != nil {
		return nil, true, failure
	}
	if err != nil {
		return nil, true, os.NewSyscallError("fcntl", err)
	}
	if err = own.poller.enter(s); err != nil {
		_ = closeFD(s.fd)
		return nil, true, err
	}
	_ = tcp.Close()
	return s, true, nil
}

// Read enters the kernel without telling Go's scheduler, as Write does: neither ever waits.
func (s *socket) Read(p []byte) (int, error) {
	if s.closed {
		return 0, ErrClosed
	}
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == unix.EINTR:
		case errno == unix.EAGAIN:
			s.greedy = false
			return 0, ErrAgain
		case errno != 0:
			return 0, os.NewSyscallError("recv", errno)
		case n == 0:
			return 0, io.EOF
		default:
			s.greedy = int(n) == len(p)
			s.loop.taken += int(n)
			return int(n), nil
		}
	}
}

func (s *socket) Write(p []byte) (written int, err error) {
	if s.closed {
		return 0, ErrClosed
	}
	for written < len(p) {
		rest := p[written:]
		n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&rest[0])), uintptr(len(rest)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		switch {
		case errno == unix.EINTR:
		case errno == unix.EAGAIN:
			return written, ErrAgain
		case errno != 0:
			return written, os.NewSyscallError("send", errno)
		case int(n) < len(rest):
			return written + int(n), ErrAgain // the buffer is full: asking again would only be told so
		default:
			written += int(n)
		}
	}
	return written, nil
}

func (s *socket) Interest(read, write bool) {
	if s.closed {
		return
	}
	s.wanted = 0
	if read {
		s.wanted |= Readable
	}
	if write {
		s.wanted |= Writable
	}
	s.tell()
}

// tell makes the kernel know what is wanted.
func (s *socket) tell() {
	if s.closed || s.added && s.known == s.wanted || !s.added && s.wanted == 0 {
		return
	}
	operation := unix.EPOLL_CTL_MOD
	if !s.added {
		operation = unix.EPOLL_CTL_ADD
	}
	var events uint32
	if s.wanted&Readable != 0 {
		events |= unix.EPOLLIN
	}
	if s.wanted&Writable != 0 {
		events |= unix.EPOLLOUT
	}
	if s.loop.poller.control(operation, s, events) != nil {
		// The kernel is out of memory or of watches: without events the connection is as good as gone.
		s.loop.Schedule(lost{s})
		return
	}
	s.added, s.known = true, s.wanted
}

// dispatch translates an event of the kernel. The end of what the peer sends (EPOLLRDHUP) comes as bytes to read, of which there are none.
func (s *socket) dispatch(kernel uint32) {
	if s.closed {
		return
	}
	var events Events
	gone := kernel&(unix.EPOLLHUP|unix.EPOLLERR) != 0
	if gone {
		events |= Hangup
	}
	if gone || kernel&unix.EPOLLIN != 0 {
		events |= s.wanted & Readable
	}
	if gone || kernel&unix.EPOLLOUT != 0 {
		events |= s.wanted & Writable
	}
	if events == Hangup {
		s.forget() // nothing is wanted, and the kernel would report the hangup for ever
	}
	if events == Readable {
		if s.greedy {
			s.loop.poller.greedy.add(s)
			return
		}
		s.loop.poller.greedy.calm = true
	}
	if events != 0 {
		s.handler.Ready(events)
	}
}

// forget takes the socket out of the epoll set; the next Interest puts it back.
func (s *socket) forget() {
	if s.added {
		s.added = false
		_ = s.loop.poller.control(unix.EPOLL_CTL_DEL, s, 0)
	}
}

func (s *socket) Move(to Loop) {
	next, ok := to.(*loop)
	if s.closed || !ok || next == s.loop {
		return
	}
	s.forget()
	s.loop.poller.greedy.remove(s)
	s.loop.poller.leave(s)
	s.loop = next
	if next.poller.enter(s) != nil { // the group is closing
		s.closed = true
		_ = closeFD(s.fd)
		return
	}
	next.Schedule(moved{s})
}

func (s *socket) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	s.loop.poller.greedy.remove(s)
	s.loop.poller.leave(s)
	// Closing the last descriptor takes it out of the epoll set.
	return closeFD(s.fd)
}

// moved puts a socket into the epoll set of the loop that it has moved to, on that loop's turn.
type moved struct{ socket *socket }

func (m moved) Run() { m.socket.tell() }

// lost tells the handler of a socket that the kernel does not watch.
type lost struct{ socket *socket }

func (l lost) Run() {
	if !l.socket.closed {
		l.socket.handler.Ready(Hangup)
	}
}
