package persistence

import (
	"encoding/binary"
	"fmt"
	"math"
)

// format is the first byte of every value that this package writes. A value in
// another form gets another byte, so that both can be read.
const format = 1

// reader reads the fields of a value one after the other. The first error
// sticks and empties it, so that callers look at err once, at the end.
type reader struct {
	what string // that is read, for the texts of errors
	rest []byte
	err  error
}

// open begins to read a value.
func open(what string, b []byte) reader {
	r := reader{what: what, rest: b}
	if f := r.byte("its format"); f != format && r.err == nil {
		r.fail("has format %d, which this version does not know", f)
	}
	return r
}

func (r *reader) fail(text string, args ...any) {
	if r.err == nil {
		r.err = corrupt(r.what, text, args...)
	}
	r.rest = nil
}

// corrupt says what is wrong with a part of the store.
func corrupt(what, text string, args ...any) error {
	return fmt.Errorf("%w: %s %s", ErrCorrupt, what, fmt.Sprintf(text, args...))
}

// close is the end of the value: nothing may be left.
func (r *reader) close() error {
	if len(r.rest) > 0 {
		r.fail("has %d bytes too many", len(r.rest))
	}
	return r.err
}

func (r *reader) byte(field string) byte {
	if len(r.rest) < 1 {
		r.fail("ends within %s", field)
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

// uint reads a number that is at most limit.
func (r *reader) uint(field string, limit uint64) uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n > limit {
		r.fail("has no sound number in %s", field)
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) uint64(field string) uint64 { return r.uint(field, math.MaxUint64) }
func (r *reader) uint32(field string) uint32 { return uint32(r.uint(field, math.MaxUint32)) }

// int reads a number that may be negative.
func (r *reader) int(field string) int64 {
	n, size := binary.Varint(r.rest)
	if size <= 0 {
		r.fail("has no sound number in %s", field)
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// count reads how many elements follow, each of which takes at least so many
// bytes: what is made for them is then bounded by what is there.
func (r *reader) count(field string, each int) int {
	n := r.uint64(field)
	if n > uint64(len(r.rest)/each) {
		r.fail("is too short for %s", field)
		return 0
	}
	return int(n)
}

// bytes reads a length and so many bytes, as a view. It is nil after an error alone.
func (r *reader) bytes(field string) []byte {
	n := r.count(field, 1)
	if r.err != nil {
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func appendBytes[T string | []byte](dst []byte, b T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// bit is b as a flag at a place.
func bit(b bool, place uint) byte {
	if b {
		return 1 << place
	}
	return 0
}
