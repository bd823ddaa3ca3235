// Package persistence says what the broker keeps on disk and in which form: the
// small interface of a store, the keys and the records. It opens nothing.
//
// A [Store] is an ordered map of bytes with atomic batches. persistence/badger
// is the one that the binary uses, persistence/memory the one for tests and for
// instances without a directory; persistence/storetest is what each has to pass.
//
// Who writes is the journal actor alone (actors/journal), in groups; who reads
// may be anybody, from any goroutine.
package persistence

import "errors"

var (
	// ErrNotFound is returned by Get for a key that is not there.
	ErrNotFound = errors.New("persistence: no such key")
	// ErrNoSpace is wrapped by what Apply and Sync return when the disk has too
	// little room. Nothing of the batch was applied; it may be tried again.
	ErrNoSpace = errors.New("persistence: no space left on the device")
	// ErrClosed is returned for what is asked of a closed store.
	ErrClosed = errors.New("persistence: the store is closed")
	// ErrLocked is wrapped by an open function when another process, or another
	// instance of this one, has the directory, and by the Claim of a store that
	// another instance has.
	ErrLocked = errors.New("persistence: the directory is in use")
	// ErrNewer is wrapped by an open function when the directory has a format
	// that this version does not know yet.
	ErrNewer = errors.New("persistence: the directory has a newer format")
	// ErrCorrupt is wrapped by an open function, or by a read, that found damage.
	ErrCorrupt = errors.New("persistence: the directory is damaged")
)

// Store keeps keys with values, ordered by key. All methods are safe for
// concurrent use; Apply and Sync are called by one goroutine at a time.
type Store interface {
	// Apply makes all changes of b, in their order, or after an error none of
	// them, whatever their number and size. When it returns nil they are seen by
	// every later read and survive the end of the process, however it ends.
	// b is not kept and may be reused.
	Apply(b *Batch) error
	// Sync makes all that Apply has done safe from a loss of power.
	Sync() error
	// Get appends the value of key to dst and returns that; with an error dst as it
	// was. ErrNotFound says that there is none.
	Get(dst, key []byte) ([]byte, error)
	// Scan visits all keys with a prefix, in order, from the first that is not
	// less than from (nil: from the first), until visit returns false. It sees
	// the store as of one moment. key and value are copies that visit may write to,
	// valid during the call alone.
	Scan(prefix, from []byte, visit func(key, value []byte) bool) error
	// Usage tells what the store uses, with Memory and Parts: the Part of a key is
	// its first byte.
	Usage() (Usage, error)
	// Close ends the store; what was applied stays. A second Close does nothing.
	Close() error
}

// Claimer is a Store that knows whether somebody uses it. Two instances in one store
// would write over each other; one that says so keeps them from it.
type Claimer interface {
	// Claim has the store for the caller until it calls release. While somebody has
	// it, the error wraps ErrLocked.
	Claim() (release func(), err error)
}

// Usage is what a store takes on its device, in bytes.
type Usage struct {
	Disk   int64           // of all files
	Free   int64           // left on the device for this process, -1: not known
	Memory int64           // in the process, about
	Parts  map[Part]Amount // by what it is for, as of the moment of asking
}

// Amount is how much there is of something.
type Amount struct {
	Keys  int64
	Bytes int64 // of keys and values, as they were written: not of the files
}

// Batch is changes to be made together. Its zero value is empty and ready.
type Batch struct {
	ops   []Op
	bytes int
}

// Op is one change: a key gets a value, or goes away.
type Op struct {
	Key, Value []byte
	Delete     bool
}

// Put sets a key. Both slices are kept and must not change until the batch was applied.
func (b *Batch) Put(key, value []byte) {
	b.ops = append(b.ops, Op{Key: key, Value: value})
	b.bytes += len(key) + len(value)
}

// Delete takes a key away; nothing happens if it is not there.
func (b *Batch) Delete(key []byte) {
	b.ops = append(b.ops, Op{Key: key, Delete: true})
	b.bytes += len(key)
}

// Append adds all changes of another batch behind those of b.
func (b *Batch) Append(other *Batch) {
	b.ops = append(b.ops, other.ops...)
	b.bytes += other.bytes
}

// Ops is the changes in their order, to be read only.
func (b *Batch) Ops() []Op { return b.ops }

// Len is the number of changes.
func (b *Batch) Len() int { return len(b.ops) }

// Bytes is the size of all keys and values.
func (b *Batch) Bytes() int { return b.bytes }

// Reset empties b and keeps its memory.
func (b *Batch) Reset() {
	clear(b.ops)
	b.ops, b.bytes = b.ops[:0], 0
}
