// Package rate keeps all who send to one instance to a rate that they have
// together: of messages, and of bytes.
//
// Nothing is dropped and nothing refused. Who is about to read asks [Share.May];
// if the credit is used up he waits for his turn (Wait), and his sender is slowed
// by TCP. Turns are given in the order in which they were asked for, whatever
// loop somebody is on, and each is for a small part of the rate: so a hundred
// that flood an instance keep the next one waiting for a hundred small parts and
// not for a hundred full buffers. Who has nothing to say waits for nothing and
// costs nothing; while there is credit all of it is two atomic additions a read.
package rate

import (
	"container/list"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupemq/troupe/internal/eventloop"
)

const (
	// What one turn is for, at least and at most, in bytes, and how many turns a second's rate is cut into.
	turnLow  = 2 << 10
	turnHigh = 64 << 10
	turns    = 100
	// messageBytes is how many bytes are read for each message that there is credit for, so that little has to be put by.
	messageBytes = 64
	// quietAfter is how long nobody has to have waited for an episode to be over.
	quietAfter = int64(10 * time.Second / time.Millisecond)
)

// Waiter is who waits for his turn. Turn is called once for each Wait, on the Share's loop: it posts a message, and does nothing
// else. It may come after Leave, and is then of no meaning. Who gets it takes what he may, says so (Took), and that he is through (Taken), or that he has ended
// (Leave).
type Waiter interface{ Turn() }

// Share is the rate of one instance. Its methods are safe from any goroutine. A
// nil Share, and one that is not On, holds nobody up.
type Share struct {
	loop            eventloop.Loop // that gives the turns
	noted           func(over bool, waited time.Duration)
	messages, bytes bucket
	on              atomic.Bool
	waiting         atomic.Int64 // who is in line, or was given a turn and has not taken it: what there is of credit is theirs
	busy            atomic.Bool  // an episode of waiting is not over: who reads takes no more than a turn is for

	mu     sync.Mutex
	line   list.List // of Waiter
	places map[Waiter]*list.Element
	given  map[Waiter]struct{} // turns that were not taken yet
	called bool                // the loop was asked for a turn of its own
	timer  *eventloop.Timer    // started on the loop alone
	since  int64               // Unix ms since when somebody waits; 0: nobody does
	until  int64               // Unix ms until when somebody waited
	began  int64               // ms of waiting before it
	held   int64               // ms during which somebody waited, in all but since
	count  int64               // episodes
}

// New makes the Share of an instance without bounds. loop is where turns are given. noted is told that an episode of
// waiting begins, and when nobody has waited for ten seconds how long somebody did in it.
func New(loop eventloop.Loop, noted func(over bool, waited time.Duration)) *Share {
	s := &Share{loop: loop, noted: noted, places: make(map[Waiter]*list.Element), given: make(map[Waiter]struct{})}
	s.timer = eventloop.NewTimer(s.serve)
	return s
}

// Set gives the bounds, a second; 0: any number. Who waits is looked at anew.
func (s *Share) Set(messages, bytes int64) {
	s.messages.set(messages)
	s.bytes.set(bytes)
	s.on.Store(messages > 0 || bytes > 0)
	s.mu.Lock()
	call := s.line.Len() > 0 && s.calls()
	s.mu.Unlock()
	s.call(call)
}

// Bounds are what was Set.
func (s *Share) Bounds() (messages, bytes int64) {
	return s.messages.perSecond.Load(), s.bytes.perSecond.Load()
}

// On tells whether there is a bound.
func (s *Share) On() bool { return s != nil && s.on.Load() }

// May tells whether somebody may read at once, at a Unix ms: there is credit, and nobody waits for it or was given it.
func (s *Share) May(now int64) bool { return s.waiting.Load() == 0 && s.credit(now) }

// credit tells whether there is one byte and one message.
func (s *Share) credit(now int64) bool { return s.bytes.credit(now) > 0 && s.messages.credit(now) > 0 }

// Bytes is how many who may read, or whose turn it is, may read at most.
func (s *Share) Bytes(now int64) int {
	most := s.turn()
	if s.busy.Load() {
		return most
	}
	credit := s.bytes.credit(now)
	if m := s.messages.credit(now); m < 1<<40 {
		credit = min(credit, m*messageBytes)
	}
	return int(min(max(int64(most), credit), eventloop.ScratchSize))
}

// turn is how many bytes one turn is for.
func (s *Share) turn() int {
	perSecond := s.bytes.perSecond.Load()
	if messages := s.messages.perSecond.Load(); messages > 0 && (perSecond == 0 || messages*messageBytes < perSecond) {
		perSecond = messages * messageBytes
	}
	return int(min(max(perSecond/turns, turnLow), turnHigh))
}

// Messages is how many messages who may read, or whose turn it is, may take at most: at least one. A turn is for as many as every
// other, though it overdraws: what is left of the credit would always be left to the same one.
func (s *Share) Messages(now int64) int {
	most := s.messages.credit(now)
	if s.busy.Load() && s.messages.on() {
		most = s.messages.perSecond.Load() / turns
	}
	return int(min(max(most, 1), 1<<30))
}

// Took says what was taken.
func (s *Share) Took(messages, bytes int, now int64) {
	s.messages.take(int64(messages), now)
	s.bytes.take(int64(bytes), now)
}

// Wait has w wait for his turn. Who waits already keeps his place.
func (s *Share) Wait(w Waiter, now int64) {
	s.call(s.queue(w, now))
}

// queue puts w in line, and tells whether the loop is to be asked for a turn.
func (s *Share) queue(w Waiter, now int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.places[w]; ok {
		return false
	}
	s.places[w] = s.line.PushBack(w)
	s.ahead()
	if s.line.Len() > 1 {
		return false
	}
	s.since = now
	if !s.busy.Swap(true) {
		s.began = s.held
		s.count++
		s.noted(false, 0)
	}
	return s.calls()
}

// Taken says that w has made use of his turn. If he left something, the next may have theirs.
func (s *Share) Taken(w Waiter, now int64) {
	s.mu.Lock()
	delete(s.given, w)
	s.ahead()
	call := s.line.Len() > 0 && s.credit(now) && s.calls()
	s.mu.Unlock()
	s.call(call)
}

// Leave is for who ends: he waits no more, and makes no use of his turn.
func (s *Share) Leave(w Waiter, now int64) {
	if s == nil {
		return
	}
	s.mu.Lock()
	if place, ok := s.places[w]; ok {
		s.remove(place, now)
		s.ahead()
	}
	s.mu.Unlock()
	s.Taken(w, now)
}

// remove takes somebody out. mu is held.
func (s *Share) remove(place *list.Element, now int64) Waiter {
	w := s.line.Remove(place).(Waiter)
	delete(s.places, w)
	if s.line.Len() == 0 {
		s.held += max(0, now-s.since)
		s.since, s.until = 0, now
	}
	return w
}

// ahead notes how many come before who asks next. mu is held.
func (s *Share) ahead() { s.waiting.Store(int64(s.line.Len() + len(s.given))) }

// calls tells whether the loop has to be asked for a turn, which it was not yet. mu is held.
func (s *Share) calls() bool {
	before := s.called
	s.called = true
	return !before
}

// call asks the loop for a turn if it has to be: the timer may be started there alone. mu is not held, since nobody knows what
// else a loop does when it is given something.
func (s *Share) call(on bool) {
	if on {
		s.loop.Schedule((*called)(s))
	}
}

// called is a Share as a Task of its loop.
type called Share

// Run implements eventloop.Task.
func (c *called) Run() {
	s := (*Share)(c)
	s.mu.Lock()
	s.called = false
	s.mu.Unlock()
	s.serve()
}

// serve gives turns to those who have waited longest.
func (s *Share) serve() {
	now := s.loop.Now()
	next, again := s.choose(now)
	for _, w := range next {
		w.Turn()
	}
	if again > 0 {
		s.loop.Start(s.timer, again)
	}
}

// choose takes as many out of the line as there is credit for, and says when to look again; 0: never. What they will take is not
// known yet: who takes more than there is overdraws, and the next wait for longer.
func (s *Share) choose(now int64) (next []Waiter, again int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := int64(1 << 30)
	if s.bytes.on() {
		most = min(most, (s.bytes.credit(now)+int64(s.turn())-1)/int64(s.turn()))
	}
	if s.messages.on() {
		most = min(most, s.messages.credit(now)/max(1, s.messages.perSecond.Load()/turns))
		if most == 0 && s.credit(now) {
			most = 1
		}
	}
	for int64(len(s.given)) < most && s.line.Len() > 0 {
		w := s.remove(s.line.Front(), now)
		s.given[w] = struct{}{}
		next = append(next, w)
	}
	s.ahead()
	switch {
	case s.line.Len() > 0:
		return next, max(now+1, s.bytes.due(), s.messages.due())
	case s.busy.Load() && now >= s.until+quietAfter:
		s.busy.Store(false)
		s.noted(true, time.Duration(s.held-s.began)*time.Millisecond)
	case s.busy.Load():
		return next, s.until + quietAfter
	}
	return next, 0
}

// Figures are what a Share has held up.
type Figures struct {
	Waiting  int64         // who waits now
	Episodes int64         // of waiting
	Time     time.Duration // during which somebody waited
}

// Figures tells, as of a Unix ms.
func (s *Share) Figures(now int64) Figures {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.held
	if s.since != 0 {
		held += max(0, now-s.since)
	}
	return Figures{Waiting: int64(s.line.Len()), Episodes: s.count, Time: time.Duration(held) * time.Millisecond}
}
