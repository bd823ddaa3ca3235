package eventloop

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// wakeSlot marks the event of the descriptor that wakes the poller. No socket has it: the table cannot grow so far.
const wakeSlot = -1

// poller waits for the events of one loop's sockets. The epoll descriptor itself is in Go's poller: a sleeping loop is a parked goroutine
// and not a thread in a system call, which costs twice the CPU at moderate load.
type poller struct {
	file   *os.File // the epoll descriptor
	raw    syscall.RawConn
	epoll  int
	wakeup int // an eventfd, edge-triggered, so that nobody has to read it
	ready  [256]unix.EpollEvent
	count  int                // of ready
	look   func(uintptr) bool // fills ready; false when there is nothing
	until  int64              // the deadline that file has, Unix ms; 0: none
	greedy greedy

	mu     sync.Mutex // sockets are entered by whoever attaches them
	table  []*[slotsChunk]*socket
	taken  uint32   // slots that were ever taken
	unused []uint32 // those of them that are free
	last   uint32   // the generation of the socket that came last
	closed bool
}

// slotsChunk is how many slots the table of sockets grows by.
const slotsChunk = 512

func newPoller() (*poller, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	if err := unix.SetNonblock(epoll, true); err != nil { // or os.NewFile keeps it from Go's poller
		_ = unix.Close(epoll)
		return nil, fmt.Errorf("epoll: %w", err)
	}
	p := &poller{file: os.NewFile(uintptr(epoll), "epoll"), epoll: epoll}
	p.look = func(uintptr) bool { p.poll(); return p.count > 0 }
	if p.wakeup, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		_ = p.file.Close()
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: wakeSlot}
	if err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, p.wakeup, &event); err == nil {
		p.raw, err = p.file.SyscallConn()
	}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return p, nil
}

// poll collects what is ready now. It enters the kernel without telling Go's scheduler: the call never waits.
func (p *poller) poll() {
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.epoll), uintptr(unsafe.Pointer(&p.ready[0])), uintptr(len(p.ready)), 0, 0, 0)
	p.count = int(n)
	if errno != 0 {
		p.count = 0
	}
}

// park waits until something is ready, the loop's next timer is due, or wake is called.
func (p *poller) park(l *loop) {
	if next := l.wheel.Next(); next != p.until {
		var deadline time.Time
		if next != 0 {
			deadline = l.clock.at(next)
		}
		if p.file.SetReadDeadline(deadline) == nil {
			p.until = next
		}
	}
	p.count = 0
	if p.raw.Read(p.look) != nil && p.count == 0 {
		p.poll() // the deadline had passed before it looked
	}
}

// wake ends park, from any goroutine.
func (p *poller) wake() {
	one := uint64(1) // added to a counter that nobody resets: it is full after 2^64 of them
	_, _, _ = syscall.RawSyscall(unix.SYS_WRITE, uintptr(p.wakeup), uintptr(unsafe.Pointer(&one)), unsafe.Sizeof(one))
}

// dispatch tells the sockets what was collected, and shares the turn's read budget out among them. The greedy ones among them wait.
func (p *poller) dispatch(l *loop) {
	l.budget = min(max(budgetTurn/max(p.count, 1), budgetLow), budgetHigh)
	for i := range p.count {
		event := &p.ready[i]
		if event.Fd == wakeSlot {
			continue
		}
		if s := p.find(uint32(event.Fd), uint32(event.Pad)); s != nil {
			s.dispatch(event.Events)
		}
	}
	p.count = 0
}

// find is the socket of an event, nil if the event is of one that is gone.
func (p *poller) find(slot, generation uint32) *socket {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := *p.at(slot); s != nil && s.generation == generation {
		return s
	}
	return nil
}

// enter gives s a slot.
func (p *poller) enter(s *socket) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	if n := len(p.unused); n > 0 {
		s.slot, p.unused = p.unused[n-1], p.unused[:n-1]
	} else {
		if s.slot = p.taken; s.slot%slotsChunk == 0 {
			p.table = append(p.table, new([slotsChunk]*socket))
		}
		p.taken++
	}
	p.last++
	s.generation = p.last
	*p.at(s.slot) = s
	return nil
}

// at is a slot of the table. mu is held.
func (p *poller) at(slot uint32) **socket { return &p.table[slot/slotsChunk][slot%slotsChunk] }

// leave frees the slot of s and makes events that are still under way stale.
func (p *poller) leave(s *socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*p.at(s.slot) = nil
	p.unused = append(p.unused, s.slot)
}

// control changes what the kernel reports of s.
func (p *poller) control(operation int, s *socket, events uint32) error {
	event := unix.EpollEvent{Events: events, Fd: int32(s.slot), Pad: int32(s.generation)}
	if err := unix.EpollCtl(p.epoll, operation, int(s.fd), &event); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

// close ends the poller and every socket that is still bound to it. The loop's goroutine has ended.
func (p *poller) close() {
	p.mu.Lock()
	p.closed = true
	var left []*socket
	for slot := range p.taken {
		if s := *p.at(slot); s != nil {
			left = append(left, s)
		}
	}
	p.mu.Unlock()
	for _, s := range left {
		_ = s.Close()
	}
	_ = p.file.Close()
	_ = unix.Close(p.wakeup)
}
