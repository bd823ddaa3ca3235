package badger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/dgraph-io/badger/v4/fb"
)

// table reads a file of sorted keys as the library writes it, and believes
// nothing of it before a checksum matched. The library's own reader ends the
// process at some damages, and takes a block that it cannot read for the end of
// the file.
//
// A file is blocks, an index, its length, its checksum, the length of that. A
// block is entries, where each begins, their number, a checksum, its length.
type table struct {
	file   *os.File
	blocks []block
	buf    []byte
}

// block is a place in a file, and the first key there.
type block struct {
	at, size int64
	first    []byte
}

// version is a value of a key at one time, or its removal then.
type version struct {
	key     []byte // with the time behind it, as the library has it
	value   []byte
	mark    byte
	removed bool
}

// errDamage is wrapped by what is wrong with the content of a file.
var errDamage = errors.New("damaged")

func damage(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errDamage, fmt.Sprintf(format, args...))
}

const bitDelete = 1 // of the library's meta byte

// openTable reads the index of a file.
func openTable(name string) (*table, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	t := &table{file: f}
	if err := t.readIndex(); err != nil {
		f.Close()
		return nil, err
	}
	return t, nil
}

func (t *table) Close() error { return t.file.Close() }

func (t *table) readIndex() error {
	info, err := t.file.Stat()
	if err != nil {
		return err
	}
	end := info.Size()
	// Each part has its length behind it.
	part := func(limit int64) ([]byte, error) {
		var length [4]byte
		if end < 4 {
			return nil, damage("it has only %d bytes", info.Size())
		}
		if _, err := t.file.ReadAt(length[:], end-4); err != nil {
			return nil, err
		}
		end -= 4
		size := int64(binary.BigEndian.Uint32(length[:]))
		if size == 0 || size > min(limit, end) {
			return nil, damage("the length of its index is wrong")
		}
		b := make([]byte, size)
		end -= size
		_, err := t.file.ReadAt(b, end)
		return b, err
	}
	sum, err := part(64)
	if err != nil {
		return err
	}
	index, err := part(end)
	if err != nil {
		return err
	}
	if !matches(index, sum) {
		return damage("its index does not match its checksum")
	}
	root := fb.GetRootAsTableIndex(index, 0)
	t.blocks = make([]block, root.OffsetsLength())
	for i := range t.blocks {
		var o fb.BlockOffset
		if !root.Offsets(&o, i) || int64(o.Offset())+int64(o.Len()) > end {
			return damage("its index names a block outside of the file")
		}
		t.blocks[i] = block{at: int64(o.Offset()), size: int64(o.Len()), first: o.KeyBytes()}
	}
	return nil
}

// read returns the entries of a block and where each begins, until the next call.
func (t *table) read(b block) (data []byte, offsets []byte, err error) {
	if int64(cap(t.buf)) < b.size {
		t.buf = make([]byte, b.size)
	}
	data = t.buf[:b.size]
	if _, err := t.file.ReadAt(data, b.at); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil, damage("it ends within a block")
		}
		return nil, nil, err
	}
	length, rest, ok := cutNumber(data)
	if !ok || length > len(rest) {
		return nil, nil, damage("the length of a checksum is wrong")
	}
	sum, data := rest[len(rest)-length:], rest[:len(rest)-length]
	if !matches(data, sum) {
		return nil, nil, damage("a block does not match its checksum")
	}
	count, data, ok := cutNumber(data)
	if !ok || 4*count > len(data) {
		return nil, nil, damage("the number of entries is wrong")
	}
	return data[:len(data)-4*count], data[len(data)-4*count:], nil
}

// visit calls f for all entries of a block. What it gets is valid during the call.
func (t *table) visit(b block, f func(version) error) error {
	data, offsets, err := t.read(b)
	if err != nil {
		return err
	}
	var base, key []byte
	for i := 0; i < len(offsets); i += 4 {
		first, last := int(binary.NativeEndian.Uint32(offsets[i:])), len(data)
		if i+4 < len(offsets) {
			last = int(binary.NativeEndian.Uint32(offsets[i+4:]))
		}
		if first > last || last > len(data) || last-first < 4 {
			return damage("an entry of a block is wrong")
		}
		e := data[first:last]
		shared, own := int(binary.NativeEndian.Uint16(e)), int(binary.NativeEndian.Uint16(e[2:]))
		if e = e[4:]; shared > len(base) || own > len(e) {
			return damage("a key of a block is wrong")
		}
		key = append(append(key[:0], base[:shared]...), e[:own]...)
		if i == 0 {
			base = bytes.Clone(key)
		}
		e = e[own:]
		if len(e) < 3 || len(key) < 8 {
			return damage("a value of a block is wrong")
		}
		_, n := binary.Uvarint(e[2:])
		if n <= 0 {
			return damage("a value of a block is wrong")
		}
		if err := f(version{key: key, value: e[2+n:], mark: e[1], removed: e[0]&bitDelete != 0}); err != nil {
			return err
		}
	}
	return nil
}

// cutNumber cuts a number off the end of b.
func cutNumber(b []byte) (n int, rest []byte, ok bool) {
	if len(b) < 4 {
		return 0, nil, false
	}
	rest = b[:len(b)-4]
	return int(binary.BigEndian.Uint32(b[len(rest):])), rest, true
}

// matches tells whether data has the checksum in a record of the library: a
// message of protocol buffers whose field 1, the method, is left out for CRC-32C,
// and whose field 2 is the sum.
func matches(data, record []byte) bool {
	if len(record) < 2 || record[0] != 2<<3 {
		return len(record) == 0 && checksum(data) == 0
	}
	sum, n := binary.Uvarint(record[1:])
	return n == len(record)-1 && sum == uint64(checksum(data))
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
