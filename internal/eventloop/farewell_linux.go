package eventloop

import "golang.org/x/sys/unix"

// farewell stands in for the handler of a socket that was finished: it throws
// away what still comes, until the peer has closed as well.
type farewell struct {
	socket *socket
	timer  Timer
	left   int // bytes
}

// Finish implements Stream. A socket that is closed with bytes unread, or that
// gets more, answers with a reset, and that makes the peer forget what it has
// not read.
func (s *socket) Finish() error {
	if s.closed {
		return nil
	}
	if unix.Shutdown(int(s.fd), unix.SHUT_WR) != nil {
		return s.Close() // it is gone already
	}
	f := &farewell{socket: s, left: farewellBytes}
	f.timer.Init(f)
	s.handler = f
	s.loop.Start(&f.timer, s.loop.Now()+farewellTime.Milliseconds())
	s.Interest(true, false)
	return nil
}

// Expire implements Alarm.
func (f *farewell) Expire() { _ = f.socket.Close() }

// Ready implements Handler.
func (f *farewell) Ready(Events) {
	s := f.socket
	n, err := s.Read(s.loop.Scratch())
	f.left -= n
	if err != nil && err != ErrAgain || f.left <= 0 {
		s.loop.Stop(&f.timer)
		_ = s.Close()
	}
}
