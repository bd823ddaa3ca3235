// Package backup writes a store as one stream, and reads such a stream into
// another store.
//
// The stream is a header, blocks of keys with their values in the order of the
// keys, and an end. Numbers are big endian. Every piece is covered by a checksum,
// so that what is cut off or altered is found and named:
//
//	header  8 bytes magic, u16 format version, u16 zero, u32 CRC-32C of those
//	block   u8 kind, u64 its number from 0, u32 length of its contents, u32 CRC-32C of those 13 bytes,
//	        contents, u32 CRC-32C of the contents
//	  'd'   data: for each key uvarint length of the key, uvarint length of the value, key, value
//	  'x'   the writer gave up: its reason as text; nothing follows
//	  'e'   end: u64 data blocks, u64 keys, u64 bytes of keys and values, SHA-256 of all before this block; nothing follows
//
// A stream without its end is not complete, whoever cut it off. The header has a
// checksum of its own in each block because its length is believed before the
// contents are there.
package backup

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/troupemq/troupe/persistence"
)

// Version is the format that Write writes, and the newest that Read reads.
const Version = 1

const (
	magic = "troupeBK"

	headerSize = len(magic) + 2 + 2 + 4
	introSize  = 1 + 8 + 4 + 4         // what stands before the contents of a block
	endSize    = 8 + 8 + 8 + sumLength // contents of the end
	sumLength  = 32

	kindData = 'd'
	kindQuit = 'x'
	kindEnd  = 'e'

	// blockSize is from how many bytes on a block is written. Larger ones find
	// damage less exactly, smaller ones are more work for the restoring store.
	blockSize = 256 << 10
	// reasonSize bounds the reason of a writer that gave up.
	reasonSize = 4 << 10
)

// Summary is what is in a backup.
type Summary struct {
	Version int   // of the format
	Size    int64 // of the backup, in bytes
	Blocks  int64 // of data
	Keys    int64
	Bytes   int64 // of keys and values
	Parts   map[persistence.Part]persistence.Amount
	Sum     [sumLength]byte // SHA-256 of all but the end: it tells one backup from another
}

func (s *Summary) add(key []byte, value int) {
	s.Keys++
	s.Bytes += int64(len(key) + value)
	var part persistence.Part
	if len(key) > 0 {
		part = persistence.Part(key[0])
	}
	a := s.Parts[part]
	a.Keys++
	a.Bytes += int64(len(key) + value)
	s.Parts[part] = a
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func header(version uint16) []byte {
	b := append(make([]byte, 0, headerSize), magic...)
	b = binary.BigEndian.AppendUint16(b, version)
	b = binary.BigEndian.AppendUint16(b, 0)
	return binary.BigEndian.AppendUint32(b, checksum(b))
}

// intro is what stands before the contents of a block.
func intro(kind byte, number uint64, length int) []byte {
	b := append(make([]byte, 0, introSize), kind)
	b = binary.BigEndian.AppendUint64(b, number)
	b = binary.BigEndian.AppendUint32(b, uint32(length))
	return binary.BigEndian.AppendUint32(b, checksum(b))
}
