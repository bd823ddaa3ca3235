// Package badger keeps a store in a directory, with Badger, and knows that
// library's traps. Nothing else imports it.
//
// [Open] checks a directory before the library sees it, for the library leaves
// out a damaged table without a word, and ends the process on others. [Repair]
// saves what can be read of a directory that Open refuses.
//
// Batches that exceed a transaction go through a redo record (redo.go), large
// values are kept in pieces (value.go), so that all is in the tree of tables and
// the library's value log stays empty. All of that is under keys that begin with
// a zero byte and that nobody else sees.
//
// An open store takes 1.3 times its memory table of heap (21 MiB if that has 16)
// and about fifteen goroutines, none of which does anything while nothing is
// written, once [Store.Maintain] was called. Under a load that exceeds the device
// it takes 15 to 20 times the memory table, half of it garbage of compactions.
// Tables and their indexes are in the page cache alone.
package badger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	library "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/persistence"
)

// Options says how a directory is opened. Its zero value has the defaults.
type Options struct {
	Log      *zap.Logger                                    // nil: nothing is logged
	Owner    string                                         // who has the directory, for others that find it in use; the process number is told anyway
	Holder   func(dir string) (process int, command string) // which process has locked a directory, by the word of the system, 0: not known; nil: what its owner wrote is all that is told
	MemTable int64                                          // bytes collected in memory before they become a table, at least 1 MiB; 0: 16 MiB
	MinFree  int64                                          // bytes that must be free on the device for Apply to write anything; 0: four memory tables; at least the two that the store needs for itself, with a negative number too
	MaxDisk  int64                                          // bytes that the directory may take, see [Store.SetMaxDisk]; 0: any number
	Unread   bool                                           // open without reading all tables: faster, and damage inside of them is found by [Store.Verify] alone
}

// Store is a [persistence.Store] in a directory. Keys are 1 to [MaxKey] bytes,
// of which the first is not zero.
type Store struct {
	dir  string
	o    Options
	db   *library.DB
	lock *lock
	boot uint64
	logs logs

	giveUp     *giveUp
	applying   sync.Mutex       // held while something is written
	entries    []entry          // of the batch that is written, to use the memory again
	large      map[string]large // by the key that refers to it
	lastLarge  uint64
	known      int64        // how long the MANIFEST is, as far as is remembered
	passing    atomic.Int64 // bytes that the compactors may take for a while, see measure
	quota      quota
	compactors compactors

	gate sync.RWMutex // held by a batch that needs several transactions, and by who begins to read

	state   sync.Mutex
	idle    sync.Cond // no call is inside
	inside  int
	closed  bool
	failed  error
	settled int64 // bytes of tables when they were last merged into one level
	written bool  // something was since
}

// Open opens a directory for this process alone, and makes it if it is missing.
// It finishes or drops what a process that ended had begun. Errors wrap ErrLocked,
// ErrNewer, ErrCorrupt or ErrNoSpace of package persistence, or say what else the
// directory is.
func Open(dir string, o Options) (*Store, error) {
	o.Log = cmp.Or(o.Log, zap.NewNop())
	o.MemTable = max(1<<20, cmp.Or(o.MemTable, 16<<20))
	o.MinFree = cmp.Or(o.MinFree, 4*o.MemTable)
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := apart(dir, o); err != nil {
		return nil, err
	}
	if err := prepare(dir); err != nil {
		return nil, err
	}
	l, err := acquire(dir, o)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, o: o, lock: l, giveUp: newGiveUp()}
	s.idle.L = &s.state
	if err := s.begin(); err != nil {
		return nil, errors.Join(err, s.end())
	}
	return s, nil
}

// begin opens the directory that is locked by now.
func (s *Store) begin() error {
	if err := s.openable(); err != nil {
		return err
	}
	if err := sweep(s.dir, s.o.Log); err != nil {
		return err
	}
	if err := verify(context.Background(), s.dir, !s.o.Unread); err != nil {
		return err
	}
	notice(s.dir, s.o.Log)
	if err := s.openLibrary(); err != nil {
		return err
	}
	s.settled = s.levels().bytesLowest
	s.quota.most.Store(s.o.MaxDisk)
	s.measure()
	if err := s.logs.open(s.dir); err != nil {
		return err
	}
	for _, step := range []func() error{s.checkFormat, s.finish, s.collect, s.greet, s.remember} {
		if err := step(); err != nil {
			return err
		}
	}
	s.rest()
	return nil
}

// openLibrary opens Badger on a directory that was found sound.
func (s *Store) openLibrary() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = corrupt(s.dir, fmt.Sprint(p))
		}
	}()
	db, err := library.Open(libraryOptions(s.dir, s.o, s.giveUp))
	switch {
	case err == nil:
		s.db = db // with an error there may be one too, which cannot be closed
		return nil
	case isFull(err):
		return fmt.Errorf("%w: data directory %s: %v", persistence.ErrNoSpace, s.dir, err)
	case isLimit(err):
		return fmt.Errorf("data directory %s: %w", s.dir, err)
	default:
		return corrupt(s.dir, err.Error())
	}
}

// magic in the library's MANIFEST tells our directories from those of others.
const magic = 0x7472

func libraryOptions(dir string, o Options, g *giveUp) library.Options {
	l := library.DefaultOptions(dir)
	l.Logger = logger{o.Log.Sugar(), g}
	l.ExternalMagicVersion = magic
	l.BypassLockGuard = true // we hold a lock of our own from before the checks on
	l.MetricsEnabled = false // they would be global
	l.DetectConflicts = false
	l.SyncWrites = false
	l.NumVersionsToKeep = 1
	l.MemTableSize = o.MemTable
	l.NumMemtables = 1
	l.NumCompactors = 2
	l.NumLevelZeroTables = 1 // merge each table at once: keys that change for ever take little more than their last value
	l.NumLevelZeroTablesStall = 8
	l.BaseTableSize = min(l.BaseTableSize, o.MemTable)
	l.BaseLevelSize = min(l.BaseLevelSize, o.MemTable)
	l.ValueThreshold = min(1<<20, o.MemTable*15/100) // the largest there is: nothing is as long, see value.go
	l.ValueLogFileSize = 1 << 20                     // it stays empty
	l.Compression = options.None                     // tables are read where they are mapped, with no cache
	l.BlockCacheSize, l.IndexCacheSize = 0, 0
	l.ChecksumVerificationMode = options.OnBlockRead
	return l
}

// Boot is how often the directory was opened, this time among it: a number that
// no other process had that kept something in it.
func (s *Store) Boot() uint64 { return s.boot }

// Close ends the store once all calls have come back. A second Close does nothing.
// What the device does not take is left in the library's logs, which Open reads;
// with a device that has stopped in the middle of things the directory may stay
// locked, and Close says so.
func (s *Store) Close() error {
	s.state.Lock()
	if s.closed {
		s.state.Unlock()
		return nil
	}
	s.closed = true
	s.state.Unlock()
	s.giveUp.end()
	ended := make(chan error, 1)
	go func() {
		s.state.Lock()
		for s.inside > 0 {
			s.idle.Wait()
		}
		s.state.Unlock()
		ended <- s.end()
	}()
	select {
	case err := <-ended:
		return err
	case <-s.giveUp.failed:
	}
	timer := time.NewTimer(s.giveUp.most)
	defer timer.Stop()
	select {
	case err := <-ended:
		return err
	case <-timer.C:
		return fmt.Errorf("closing data directory %s: the device does not take what is left; it stays locked until it does, or this process ends", s.dir)
	}
}

// end closes what is open.
func (s *Store) end() error {
	var err error
	if s.db != nil {
		s.unwatch()
		unblock := s.block()
		if err = s.db.Close(); err == nil {
			err = s.remember()
		}
		unblock()
	}
	err = errors.Join(err, s.logs.close(), s.lock.release())
	if err != nil {
		return fmt.Errorf("closing data directory %s: %w", s.dir, err)
	}
	return nil
}

// enter begins a call, which leave has to end.
func (s *Store) enter() error {
	s.state.Lock()
	defer s.state.Unlock()
	if s.closed {
		return persistence.ErrClosed
	}
	if s.failed != nil {
		return s.failed
	}
	s.inside++
	return nil
}

func (s *Store) leave() {
	s.state.Lock()
	defer s.state.Unlock()
	if s.inside--; s.inside == 0 {
		s.idle.Broadcast()
	}
}

// fail makes all later calls fail with err: nobody knows what of the last write
// or sync is on the disk, and a second sync of the same would claim success.
// What is there is found when the directory is opened again.
func (s *Store) fail(err error) error {
	s.state.Lock()
	defer s.state.Unlock()
	if containsText(err, "cannot create new mem table") {
		s.giveUp.noLog()
	}
	if s.failed == nil {
		s.failed = fmt.Errorf("data directory %s must be opened again: %w", s.dir, oneLine{err})
	}
	return s.failed
}

// oneLine is an error of the library, which has several, on one.
type oneLine struct{ error }

func (e oneLine) Error() string { return strings.ReplaceAll(e.error.Error(), "\n", ": ") }

// Unwrap is the error as it was.
func (e oneLine) Unwrap() error { return e.error }

// isFull tells whether an error of the library says that the device is full. It
// does not wrap what it got.
func isFull(err error) bool {
	return errors.Is(err, errFull) || containsText(err, errFull.Error())
}

// isLimit tells whether an error of the library is about what this process may
// do, and not about what is in the directory.
func isLimit(err error) bool {
	for _, limit := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EACCES, syscall.EPERM} {
		if containsText(err, limit.Error()) {
			return true
		}
	}
	return false
}

// corrupt says that a file, or something in the directory, is damaged, and the
// way out.
func corrupt(place, what string) error {
	return fmt.Errorf("%w: %s: %s; `troupe repair` saves what can be read into a new directory", persistence.ErrCorrupt, place, what)
}
