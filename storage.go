package troupe

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/retained"
	"github.com/troupemq/troupe/actors/session"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/badger"
	core "github.com/troupemq/troupe/protocol/session"
)

const (
	// readersMost is how many goroutines read from the store at a time, for all sessions.
	readersMost = 4
	// pagesMost is how many bytes of a session's queue are read at a time.
	pagesMost = 256 << 10
	// The store is looked after soon after the start, and then every so often; once in a while all of it is read.
	maintainFirst = 10 * time.Second
	maintainEvery = 2 * time.Minute
	verifyEvery   = 24 * time.Hour
	// retryRead is how long a session waits after an error of the store before it is read again.
	retryRead = time.Second
	// bootShift leaves as many numbers to one boot as nobody uses up.
	bootShift = 40
)

// storage is what a running instance keeps in its store, and what works on it.
type storage struct {
	store  persistence.Store
	own    bool   // to be closed with the instance
	leave  func() // lets another instance have a store that is not; nil: it does not know of any
	config configs.Config
	log    *zap.Logger

	sessions []persistence.SavedSession // as they were found, until the tree has them
	ended    []uint64
	first    uint64 // of the numbers of this boot
	numbers  atomic.Uint64
	identity string // of the instance, for bridges
	window   lossWindow

	disk    func(work func())                                            // has work done that writes, one piece after the other
	async   func(read func())                                            // has the queue of a session read
	records func(topics []string, reply func(records [][]byte, e error)) // has retained messages read
	pause   func(time.Duration)                                          // waits, or until the end; called by what async runs

	// Who does that, see employ.
	reader   *retained.Reader
	work     chan func()    // for the one goroutine that writes
	working  sync.WaitGroup // goroutines that use the store
	stop     context.CancelFunc
	ending   chan struct{} // closed when nothing waits any more
	pressed  chan struct{} // has room for one word: there is little in the store
	pressing atomic.Bool   // that was said
}

// openStorage opens the store of an instance and reads what is in it; nil if
// the instance keeps nothing.
func (b *Broker) openStorage() (*storage, error) {
	s := &storage{store: b.store, config: b.config, log: b.log}
	if s.store == nil {
		if b.config.DataDir == "" {
			return nil, nil
		}
		p := b.config.Persistence
		minFree := int64(p.MinFree)
		if minFree == 0 {
			minFree = -1
		}
		store, err := badger.Open(b.config.DataDir, badger.Options{
			Log: b.log, Owner: b.config.Name, MemTable: int64(p.Memtable), MinFree: minFree, MaxDisk: int64(p.MaxDisk), Holder: holding,
		})
		if err != nil {
			return nil, err
		}
		s.store, s.own = store, true
	} else if claimer, ok := s.store.(persistence.Claimer); ok {
		leave, err := claimer.Claim()
		if err != nil {
			return nil, fmt.Errorf("troupe: WithStore: another broker has the store: %w", err)
		}
		s.leave = leave
	}
	s.employ()
	if err := s.read(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// employ has goroutines of the instance's own do the work on the store.
func (s *storage) employ() {
	s.work, s.ending, s.pressed = make(chan func(), 4), make(chan struct{}), make(chan struct{}, 1)
	s.disk = func(work func()) { s.work <- work }
	s.working.Go(s.write)
	readers := make(chan struct{}, readersMost)
	s.async = func(read func()) {
		s.working.Go(func() {
			readers <- struct{}{}
			defer func() { <-readers }()
			read()
		})
	}
	s.reader = retained.NewReader(s.store, readersMost)
	s.records = s.reader.Read
	s.pause = func(d time.Duration) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-s.ending:
		}
	}
}

// read takes stock of the store.
func (s *storage) read() error {
	boot, err := persistence.CountBoot(s.store)
	if err != nil {
		return fmt.Errorf("data directory %s: %w", s.config.DataDir, err)
	}
	s.first = boot << bootShift
	if s.identity, err = persistence.Identity(s.store); err != nil {
		return fmt.Errorf("data directory %s: %w", s.config.DataDir, err)
	}
	if s.ended, err = persistence.EndedSessions(s.store); err != nil {
		return fmt.Errorf("data directory %s: %w", s.config.DataDir, err)
	}
	newest := make(map[string]int) // a Clean Start may have been cut short
	err = persistence.ReadSessions(s.store, func(saved persistence.SavedSession) error {
		id := saved.Record.ClientID
		if at, twice := newest[id]; twice {
			s.ended = append(s.ended, s.sessions[at].ID)
			s.sessions[at] = saved
			return nil
		}
		newest[id] = len(s.sessions)
		s.sessions = append(s.sessions, saved)
		return nil
	})
	if err != nil {
		return fmt.Errorf("data directory %s: %w", s.config.DataDir, err)
	}
	return nil
}

// number makes a number that was never used in this store.
func (s *storage) number() uint64 { return s.first + s.numbers.Add(1) }

// durability is the way of the sessions to the store.
func (s *storage) durability() *session.Durability {
	if s == nil {
		return nil
	}
	return &session.Durability{
		Number: s.number, Load: s.load, Waits: s.waits(), Wrote: s.due,
		RestAfter: s.config.Session.PassivateAfter.Std().Milliseconds(),
	}
}

// due counts messages that have to be written, and tells whether a group is due
// because they are acknowledged before.
func (s *storage) due(messages int) bool { return !s.waits() && s.window.due(int64(messages)) }

// waits tells whether acknowledgements wait for the store.
func (s *storage) waits() bool {
	return s != nil && s.config.Durability != configs.DurabilityMemory
}

// write is the goroutine that writes.
func (s *storage) write() {
	for work := range s.work {
		work()
	}
}

// load reads pages of a session's queue.
func (s *storage) load(id, from uint64, loaded func(*message.Loaded)) {
	s.async(func() {
		found, last, err := persistence.LoadPages(s.store, id, from, pagesMost)
		if err != nil {
			s.log.Error("messages that wait for a client cannot be read, that is tried again", zap.Uint64("session", id), zap.Error(err))
			s.pause(retryRead)
		}
		m := &message.Loaded{Last: last, Pages: make([]core.LoadedPage, len(found))}
		for i, p := range found {
			if p.Lost > 0 {
				s.log.Error("messages that waited for a client are missing in the store", zap.Uint64("session", id), zap.Int("messages", p.Lost))
			}
			if p.Damage != nil {
				s.log.Error("messages that waited for a client are damaged and are dropped", zap.Uint64("session", id), zap.Error(p.Damage))
			}
			m.Pages[i] = core.LoadedPage{First: p.First, Page: p.Page, Bodies: p.Bodies}
		}
		loaded(m)
	})
}

// awaken reads a session that is to wake. After an error that is for the
// registry to try again.
func (s *storage) awaken(d *message.Door, woken func(*message.Woken)) {
	s.async(func() {
		saved, err := persistence.ReadSession(s.store, d.Number)
		if err != nil {
			s.log.Error("a session cannot be read, that is tried again", zap.String("client", d.ClientID), zap.Error(err))
			s.pause(retryRead)
		}
		woken(&message.Woken{Door: d, Saved: saved})
	})
}

// serve looks after the store.
func (s *storage) serve() {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	if keeper, ok := s.store.(tended); ok {
		s.working.Go(func() { s.maintain(ctx, keeper) })
	}
}

// tended is a store that wants to be looked after.
type tended interface {
	Maintain(context.Context) error
	Verify(context.Context) error
}

// maintain has the store give space back and look for damage, until ctx is done.
func (s *storage) maintain(ctx context.Context, store tended) {
	timer := time.NewTimer(maintainFirst)
	defer timer.Stop()
	verified := time.Now() // all of it is read when it is opened
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-s.pressed:
		}
		if err := store.Maintain(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("the store did not give space back", zap.Error(err))
		}
		if time.Since(verified) >= verifyEvery {
			verified = time.Now()
			if err := store.Verify(ctx); err != nil && ctx.Err() == nil {
				s.log.Error("the data directory is damaged; stop the broker and run troupe repair", zap.Error(err))
			}
		}
		timer.Reset(s.maintainAgain())
	}
}

// close ends what uses the store, and the store if it is the instance's own.
func (s *storage) close() error {
	if s == nil {
		return nil
	}
	if s.stop != nil {
		s.stop()
	}
	close(s.ending)
	close(s.work)
	s.working.Wait()
	s.reader.Close()
	if s.own {
		return s.store.Close()
	}
	if s.leave != nil {
		s.leave()
	}
	return nil
}
