package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/troupemq/troupe/persistence"
)

// Read reads a backup into store, which should be empty, and syncs it. What is
// found damaged ends it; the blocks before it are in the store then, which is
// not of use: remove it.
func Read(r io.Reader, store persistence.Store) (Summary, error) {
	var batch persistence.Batch
	s, err := read(r, func(key, value []byte) { batch.Put(key, value) }, func(block, offset int64) error {
		defer batch.Reset()
		if err := store.Apply(&batch); err != nil {
			return fmt.Errorf("backup: cannot store block %d, which begins at byte %d: %w", block, offset, err)
		}
		return nil
	})
	if err != nil {
		return s, err
	}
	if err := store.Sync(); err != nil {
		return s, fmt.Errorf("backup: cannot sync the store: %w", err)
	}
	return s, nil
}

// Check reads a backup to its end and keeps nothing of it. It tells what Read
// would find wrong with the backup itself.
func Check(r io.Reader) (Summary, error) {
	return read(r, func(_, _ []byte) {}, func(_, _ int64) error { return nil })
}

// reader reads blocks one after the other.
type reader struct {
	Summary
	from     io.Reader
	sum      hash.Hash
	at       int64        // where the block that is being read begins
	contents bytes.Buffer // of that block
	last     []byte       // the key before
}

// read hands each key to put and calls apply behind each block.
func read(from io.Reader, put func(key, value []byte), apply func(block, offset int64) error) (Summary, error) {
	r := &reader{from: from, sum: sha256.New(), Summary: Summary{Parts: make(map[persistence.Part]persistence.Amount)}}
	if err := r.header(); err != nil {
		return r.Summary, err
	}
	for {
		r.at = r.Size
		var before [sumLength]byte
		r.sum.Sum(before[:0])
		kind, err := r.block()
		if err != nil {
			return r.Summary, err
		}
		switch kind {
		case kindQuit:
			return r.Summary, &Abandoned{r.contents.String()}
		case kindEnd:
			return r.Summary, r.end(before)
		}
		if err := r.data(put); err != nil {
			return r.Summary, err
		}
		if err := apply(r.Blocks, r.at); err != nil {
			return r.Summary, err
		}
		r.Blocks++
	}
}

func (r *reader) header() error {
	b := make([]byte, headerSize)
	n, err := r.fill(b)
	switch {
	case err != nil:
		return err
	case n == 0:
		return fmt.Errorf("backup: %w: it is empty", ErrForeign)
	case !bytes.HasPrefix(b[:n], []byte(magic)[:min(n, len(magic))]):
		return fmt.Errorf("backup: %w: it does not begin with %q", ErrForeign, magic)
	case n < headerSize:
		return &Damage{-1, 0, fmt.Sprintf("it ends after %d bytes", n)}
	}
	version := binary.BigEndian.Uint16(b[len(magic):])
	if checksum(b[:headerSize-4]) != binary.BigEndian.Uint32(b[headerSize-4:]) {
		return &Damage{-1, 0, "it does not match its checksum"}
	}
	if version == 0 || version > Version {
		return fmt.Errorf("backup: %w: %d, and this version of troupe reads up to %d; use a newer one", ErrNewer, version, Version)
	}
	r.Version = int(version)
	return nil
}

// block reads the next block whole and gives its kind.
func (r *reader) block() (byte, error) {
	head := make([]byte, introSize)
	n, err := r.fill(head)
	if err != nil {
		return 0, err
	}
	if n < introSize {
		return 0, r.damage("the backup ends there, %d bytes into the block: it is not complete", n)
	}
	if checksum(head[:introSize-4]) != binary.BigEndian.Uint32(head[introSize-4:]) {
		return 0, r.damage("its first %d bytes do not match their checksum", introSize)
	}
	if number := binary.BigEndian.Uint64(head[1:]); number != uint64(r.Blocks) {
		return 0, r.damage("it says that it is block %d", number)
	}
	kind, length := head[0], int64(binary.BigEndian.Uint32(head[9:]))

	// Grows with what is there and not with what the length says.
	r.contents.Reset()
	got, err := io.CopyN(io.MultiWriter(&r.contents, r.sum), r.from, length)
	r.Size += got
	if err != nil && !ended(err) {
		return 0, r.failed(err)
	}
	tail := make([]byte, 4)
	n, err = r.fill(tail)
	if err != nil {
		return 0, err
	}
	if n < len(tail) {
		return 0, r.damage("the backup ends there, %d bytes into the block: it is not complete", introSize+int(got)+n)
	}
	if checksum(r.contents.Bytes()) != binary.BigEndian.Uint32(tail) {
		return 0, r.damage("its contents do not match their checksum")
	}
	if kind != kindData && kind != kindEnd && kind != kindQuit {
		return 0, r.damage("it is of an unknown kind, %q", kind)
	}
	return kind, nil
}

// data takes a block of data apart. The keys and values that put gets are valid
// until the next block is read.
func (r *reader) data(put func(key, value []byte)) error {
	for b := r.contents.Bytes(); len(b) > 0; {
		keyLength, n := binary.Uvarint(b)
		valueLength, m := binary.Uvarint(b[max(n, 0):])
		rest := uint64(len(b) - max(n, 0) - max(m, 0))
		if n <= 0 || m <= 0 || keyLength > rest || valueLength > rest-keyLength {
			return r.damage("a key or value is longer than the block")
		}
		b = b[n+m:]
		key, value := b[:keyLength:keyLength], b[keyLength:keyLength+valueLength:keyLength+valueLength]
		b = b[keyLength+valueLength:]
		if r.Keys > 0 && bytes.Compare(key, r.last) <= 0 {
			return r.damage("key %q comes after %q", key, r.last)
		}
		r.last = append(r.last[:0], key...)
		r.add(key, len(value))
		put(key, value)
	}
	return nil
}

// end compares what came with what the end says, before being the sum of all
// before it.
func (r *reader) end(before [sumLength]byte) error {
	b := r.contents.Bytes()
	if len(b) != endSize {
		return r.damage("it is the end and has %d bytes instead of %d", len(b), endSize)
	}
	for i, n := range []int64{r.Blocks, r.Keys, r.Bytes} {
		if want := binary.BigEndian.Uint64(b[8*i:]); want != uint64(n) {
			return r.damage("it is the end and tells of %d %s, where %d came", want, []string{"blocks", "keys", "bytes"}[i], n)
		}
	}
	if !bytes.Equal(b[3*8:], before[:]) {
		return r.damage("it is the end and its checksum is not that of all before it")
	}
	r.Sum = before
	switch n, err := r.fill(make([]byte, 1)); {
	case err != nil:
		return err
	case n > 0:
		r.Size--
		return r.damage("it is the end, and more follows at byte %d", r.Size)
	}
	return nil
}

// fill reads into b and gives how much there was; a stream that ends is no error.
func (r *reader) fill(b []byte) (int, error) {
	n, err := io.ReadFull(r.from, b)
	r.Size += int64(n)
	r.sum.Write(b[:n])
	if err == nil || ended(err) {
		return n, nil
	}
	return n, r.failed(err)
}

// ended tells that there is no more; a connection that breaks is told as an
// unexpected end.
func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

func (r *reader) failed(err error) error {
	return fmt.Errorf("backup: cannot be read at byte %d: %w", r.Size, err)
}

func (r *reader) damage(format string, args ...any) error {
	return &Damage{r.Blocks, r.at, fmt.Sprintf(format, args...)}
}
