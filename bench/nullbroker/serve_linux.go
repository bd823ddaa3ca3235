package nullbroker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Serve runs the null broker on a TCP listener, which it closes in the end, until ctx ends, which is no error. It keeps one
// thread for itself and makes its system calls without telling Go's scheduler: it belongs into a process of its own, where its
// processor time is told apart as well.
func Serve(ctx context.Context, l net.Listener) error {
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return errors.Join(fmt.Errorf("nullbroker: it needs a TCP listener, and got %T", l), l.Close())
	}
	file, err := tcp.File() // a duplicate that Go's poller knows nothing of
	if err = errors.Join(err, l.Close()); err != nil {
		return fmt.Errorf("nullbroker: %w", err)
	}
	defer file.Close()
	lp, err := newLoop(int(file.Fd()))
	if err != nil {
		return fmt.Errorf("nullbroker: %w", err)
	}
	defer lp.close()
	stop := context.AfterFunc(ctx, lp.wake)
	defer func() {
		if !stop() {
			<-lp.woken
		}
	}()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for !lp.done {
		if err := lp.turn(); err != nil {
			return fmt.Errorf("nullbroker: %w", err)
		}
	}
	return nil
}

// loop is the one thread: every connection and group is its own.
type loop struct {
	epoll, event, listener int
	woken                  chan struct{} // closed when wake is done
	done                   bool          // wake was heard

	conns  []*conn // by descriptor
	groups map[string]*group

	events  []unix.EpollEvent
	ready   []*conn // have more to read than one turn took
	before  []*conn // the ready of the turn before
	dirty   []*conn // have gathered what one turn brought for them
	changed []*group
	buffer  []byte // what the present read brought
}

func newLoop(listener int) (*loop, error) {
	if err := unix.SetNonblock(listener, true); err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, errors.Join(os.NewSyscallError("eventfd", err), unix.Close(epoll))
	}
	lp := &loop{
		epoll: epoll, event: event, listener: listener,
		woken:  make(chan struct{}),
		groups: make(map[string]*group),
		events: make([]unix.EpollEvent, 512),
		buffer: make([]byte, readSize),
	}
	for _, fd := range []int{event, listener} {
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
			lp.close()
			return nil, os.NewSyscallError("epoll_ctl", err)
		}
	}
	return lp, nil
}

// wake makes a turn end that waits. It is called from elsewhere.
func (lp *loop) wake() {
	_, _ = unix.Write(lp.event, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	close(lp.woken)
}

func (lp *loop) close() {
	for _, c := range lp.conns {
		if c != nil {
			lp.drop(c)
		}
	}
	_ = unix.Close(lp.event)
	_ = unix.Close(lp.epoll)
}

// turn waits for something to happen, reads each connection once, and writes once to whoever gets from several.
func (lp *loop) turn() error {
	wait := -1
	if len(lp.ready) > 0 {
		wait = 0
	}
	n, err := epollWait(lp.epoll, lp.events, wait)
	if err != nil {
		return os.NewSyscallError("epoll_wait", err)
	}
	lp.ready, lp.before = lp.before[:0], lp.ready
	for _, c := range lp.before {
		c.listed = false
		lp.read(c)
	}
	for _, e := range lp.events[:n] {
		fd := int(e.Fd)
		switch {
		case fd == lp.listener:
			if err := lp.accept(); err != nil {
				return err
			}
			continue
		case fd == lp.event:
			lp.done = true
			continue
		}
		c := lp.conns[fd] // which may be newer than the event, and then finds nothing to do
		if c == nil {
			continue
		}
		if e.Events&unix.EPOLLOUT != 0 && c.blocked {
			lp.flush(c)
		}
		if e.Events&^unix.EPOLLOUT != 0 {
			c.ended = c.ended || e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
			lp.read(c)
		}
	}
	for _, c := range lp.dirty {
		c.gathers = false
		if !c.blocked {
			lp.flush(c)
		}
	}
	lp.dirty = lp.dirty[:0]
	for _, g := range lp.changed {
		lp.link(g)
	}
	lp.changed = lp.changed[:0]
	return nil
}

// accept takes what waits at the listener.
func (lp *loop) accept() error {
	for {
		fd, _, err := unix.Accept4(lp.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
		case unix.EAGAIN:
			return nil
		case unix.EINTR, unix.ECONNABORTED:
			continue
		default:
			return os.NewSyscallError("accept", err) // no descriptors left: raise the limit of open files
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
			_ = unix.Close(fd)
			continue
		}
		// Edges, so that nobody has to be registered anew when its receiver cannot follow.
		err = unix.EpollCtl(lp.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{
			Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(fd)})
		if err != nil {
			_ = unix.Close(fd)
			return os.NewSyscallError("epoll_ctl", err)
		}
		for len(lp.conns) <= fd {
			lp.conns = append(lp.conns, nil)
		}
		lp.conns[fd] = &conn{fd: fd}
	}
}
