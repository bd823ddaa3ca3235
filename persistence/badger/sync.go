package badger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	library "github.com/dgraph-io/badger/v4"
)

// Sync makes all that Apply has done safe from a loss of power. After an error
// nobody knows what is: all calls fail until the directory is opened again.
func (s *Store) Sync() error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return s.sync()
}

func (s *Store) sync() error {
	_, err := s.logs.follow()
	if err == nil {
		err = s.logs.settle()
	}
	if err == nil {
		err = s.logs.flush(s.db)
	}
	if err != nil {
		return s.fail(fmt.Errorf("what was written could not be made safe: %w", err))
	}
	return nil
}

// logs knows the library's logs. Its own Sync looks at the last one alone: it
// leaves out those that were full since the Sync before and are not yet tables,
// and the names of all. And it syncs the value log besides, which costs as much
// again.
type logs struct {
	dir     string
	mu      sync.Mutex
	number  int          // of the last log
	current *os.File     // that log; nil where an open file cannot be removed
	using   sync.RWMutex // held while it is made safe, and to close it
	older   []string     // full since the last settle
	names   bool         // files were made since the last settle
}

// open finds the last log of a directory that the library has just opened.
func (l *logs) open(dir string) error {
	l.dir = dir
	files, err := named(dir, logFile)
	if err != nil {
		return err
	}
	for _, name := range files {
		n, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(name), logFile))
		if err != nil {
			return fmt.Errorf("data directory: %s is no log: %w", name, err)
		}
		l.number = max(l.number, n)
	}
	l.names = true
	return l.reopen()
}

// follow notices that the library has begun a log, and tells whether it has.
func (l *logs) follow() (turned bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		_, err := os.Stat(l.name(l.number + 1))
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return turned, err
		}
		l.older = append(l.older, l.name(l.number))
		l.number++
		turned = true
	}
	if !turned {
		return false, nil
	}
	l.names = true
	return true, l.reopen()
}

// settle makes all logs but the last safe, and the names of files.
func (l *logs) settle() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for ; len(l.older) > 0; l.older = l.older[1:] {
		err := syncFile(l.older[0])
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // it has become a table, and that is safe
			return err
		}
	}
	if !l.names {
		return nil
	}
	l.names = false
	return SyncDirectory(l.dir)
}

// flush makes the last log safe.
func (l *logs) flush(db *library.DB) error {
	l.mu.Lock()
	l.using.RLock()
	f := l.current
	l.mu.Unlock()
	defer l.using.RUnlock()
	return flush(f, db)
}

func (l *logs) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current == nil {
		return nil
	}
	return l.current.Close()
}

func (l *logs) reopen() (err error) {
	if runtime.GOOS == "windows" {
		return nil
	}
	if l.current != nil {
		l.using.Lock()
		err = l.current.Close()
		l.using.Unlock()
	}
	var other error
	l.current, other = os.OpenFile(l.name(l.number), os.O_RDWR, 0)
	return errors.Join(err, other)
}

func (l *logs) name(n int) string { return filepath.Join(l.dir, fmt.Sprintf("%05d%s", n, logFile)) }

func syncFile(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
