package backup

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"

	"github.com/troupemq/troupe/persistence"
)

// Write writes all of store, as of one moment, to w, and tells what it was. If
// the store fails on the way, what is written ends with the reason, so that a
// reader far away can tell it. After an error of w nothing more is written.
func Write(w io.Writer, store persistence.Store) (Summary, error) {
	b := &writer{to: w, sum: sha256.New(), Summary: Summary{Version: Version, Parts: make(map[persistence.Part]persistence.Amount)}}
	b.write(header(Version))
	var unfit error
	err := store.Scan(nil, nil, func(key, value []byte) bool {
		if int64(blockSize)+int64(len(key))+int64(len(value))+2*binary.MaxVarintLen64 > math.MaxUint32 {
			unfit = fmt.Errorf("the value of %q has %d bytes, which is too large", key, len(value))
			return false
		}
		b.put(key, value)
		return b.err == nil
	})
	if err = errors.Join(err, unfit); err != nil {
		b.quit(err)
		return b.Summary, errors.Join(b.err, fmt.Errorf("backup: cannot read the store: %w", err))
	}
	b.flush()
	b.end()
	return b.Summary, b.err
}

type writer struct {
	Summary
	to       io.Writer
	sum      hash.Hash
	contents []byte // of the block that is being filled
	err      error  // the first; nothing is done after it
}

func (w *writer) put(key, value []byte) {
	w.contents = binary.AppendUvarint(w.contents, uint64(len(key)))
	w.contents = binary.AppendUvarint(w.contents, uint64(len(value)))
	w.contents = append(append(w.contents, key...), value...)
	w.add(key, len(value))
	if len(w.contents) >= blockSize {
		w.flush()
	}
}

func (w *writer) flush() {
	if len(w.contents) == 0 || w.err != nil {
		return
	}
	w.block(kindData, w.contents)
	w.Blocks++
	w.contents = w.contents[:0]
}

func (w *writer) end() {
	if w.err != nil {
		return
	}
	w.sum.Sum(w.Sum[:0])
	b := make([]byte, 0, endSize)
	for _, n := range []int64{w.Blocks, w.Keys, w.Bytes} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	w.block(kindEnd, append(b, w.Sum[:]...))
}

// quit says why there is no more. What is in the block being filled is left out.
func (w *writer) quit(reason error) {
	text := reason.Error()
	w.block(kindQuit, []byte(text[:min(len(text), reasonSize)]))
}

func (w *writer) block(kind byte, contents []byte) {
	w.write(intro(kind, uint64(w.Blocks), len(contents)))
	w.write(contents)
	w.write(binary.BigEndian.AppendUint32(nil, checksum(contents)))
}

func (w *writer) write(b []byte) {
	if w.err != nil {
		return
	}
	n, err := w.to.Write(b)
	w.Size += int64(n)
	w.sum.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err != nil {
		w.err = fmt.Errorf("backup: cannot write at byte %d: %w", w.Size, err)
	}
}
