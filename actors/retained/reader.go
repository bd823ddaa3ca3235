package retained

import (
	"errors"
	"sync"

	"github.com/troupemq/troupe/persistence"
)

// Reader reads records of retained messages from a store, on few goroutines of
// its own that are there only while there is something to read. It is shared by
// the retained actors of an instance. What waits is a slice of each replay at most.
type Reader struct {
	store persistence.Store
	most  int

	mu      sync.Mutex
	waiting []reading
	busy    int
	ended   bool
	idle    sync.Cond
}

// reading is a request to read.
type reading struct {
	topics []string
	reply  func(records [][]byte, err error)
}

// NewReader makes a reader with at most so many goroutines, at least 1.
func NewReader(store persistence.Store, goroutines int) *Reader {
	r := &Reader{store: store, most: max(goroutines, 1)}
	r.idle.L = &r.mu
	return r
}

// Read is what [Disk] wants. It may be called from any goroutine.
func (r *Reader) Read(topics []string, reply func(records [][]byte, err error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return
	}
	r.waiting = append(r.waiting, reading{topics, reply})
	if r.busy < r.most {
		r.busy++
		go r.work()
	}
}

// Close ends the reader once it has done what it is doing; who waits gets no
// reply. The store may be closed afterwards.
func (r *Reader) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended, r.waiting = true, nil
	for r.busy > 0 {
		r.idle.Wait()
	}
}

func (r *Reader) work() {
	for {
		next, ok := r.next()
		if !ok {
			return
		}
		next.reply(r.get(next.topics))
	}
}

// get reads the records of topics. The error is the first one but for topics
// that are not there.
func (r *Reader) get(topics []string) (records [][]byte, err error) {
	records = make([][]byte, len(topics))
	defer persistence.Caught(&err)
	for i, name := range topics {
		record, e := r.store.Get(nil, persistence.PartRetained.Named(name))
		switch {
		case e == nil:
			records[i] = record
		case err == nil && !errors.Is(e, persistence.ErrNotFound):
			err = e
		}
	}
	return records, err
}

func (r *Reader) next() (next reading, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) == 0 {
		r.waiting = nil
		r.busy--
		r.idle.Broadcast()
		return reading{}, false
	}
	next = r.waiting[0]
	r.waiting[0] = reading{}
	r.waiting = r.waiting[1:]
	return next, true
}
