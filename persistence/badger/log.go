package badger

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"go.uber.org/zap"
)

// Bits of the library's meta byte in a log.
const (
	bitTransaction = 1 << 6 // one of several changes
	bitEnd         = 1 << 7 // the end of them
)

const logHeader = 20 // bytes before the first entry of a log

// tail is what stands in a log behind its last complete transaction.
type tail struct {
	at    int64 // where it begins
	bytes int64 // up to the last that is not zero; none after a process was killed between two writes
}

// notice tells of logs that do not end as a process leaves them that is killed:
// after a loss of power the last pages may be missing. The library drops what
// stands there without a word. All of it was written after the last Sync, unless
// the file was damaged otherwise.
func notice(dir string, log *zap.Logger) {
	files, err := named(dir, logFile)
	if err != nil {
		return
	}
	for _, name := range files {
		if t, err := readLog(name, nil); err == nil && t.bytes > 0 {
			log.Warn("a log ends with changes that are not complete, as after a loss of power: they are dropped",
				zap.String("file", name), zap.Int64("from", t.at), zap.Int64("bytes", t.bytes))
		}
	}
}

// readLog visits what a log has, up to the first that is not whole.
func readLog(name string, visit func(version) error) (tail, error) {
	f, err := os.Open(name)
	if err != nil {
		return tail{}, err
	}
	defer f.Close()
	r := logReader{r: bufio.NewReaderSize(f, 64<<10)}
	if n, err := r.r.Discard(logHeader); err != nil {
		return tail{at: int64(n)}, nil
	}
	r.at = logHeader
	end := r.at
	var open []version
	time := uint64(0)
	for {
		e, meta, ok := r.next()
		if !ok {
			break
		}
		switch {
		case meta&bitTransaction != 0:
			t := timeOf(e.key)
			if time == 0 {
				time = t
			}
			if t == time {
				open = append(open, e)
				continue
			}
			ok = false
		case meta&bitEnd != 0:
			t, err := strconv.ParseUint(string(e.value), 10, 64)
			ok = err == nil && t == time
		default:
			ok = time == 0
			open = append(open, e)
		}
		if !ok {
			break
		}
		for _, e := range open {
			if visit == nil {
				break
			}
			if err := visit(e); err != nil {
				return tail{}, err
			}
		}
		open, time, end = open[:0], 0, r.at
	}
	last, err := lastByte(f, end)
	return tail{at: end, bytes: max(0, last-end)}, err
}

// logReader reads entries: a meta byte, a mark, the lengths of key and value, a
// time of expiry that we do not use, key, value, a checksum.
type logReader struct {
	r  *bufio.Reader
	at int64
}

func (l *logReader) next() (v version, meta byte, ok bool) {
	head, _ := l.r.Peek(2 + 3*binary.MaxVarintLen64)
	if len(head) < 2 {
		return v, 0, false
	}
	var numbers [3]uint64
	size := 2
	for i := range numbers {
		n := 0
		numbers[i], n = binary.Uvarint(head[size:])
		if n <= 0 {
			return v, 0, false
		}
		size += n
	}
	keyLen, valueLen := numbers[0], numbers[1]
	if keyLen < 8 || keyLen > 1<<16+8 || valueLen > 1<<24 {
		return v, 0, false
	}
	b := make([]byte, size+int(keyLen)+int(valueLen)+4)
	if _, err := io.ReadFull(l.r, b); err != nil {
		return v, 0, false
	}
	body := b[:len(b)-4]
	if checksum(body) != binary.BigEndian.Uint32(b[len(body):]) {
		return v, 0, false
	}
	l.at += int64(len(b))
	key, value := body[size:size+int(keyLen)], body[size+int(keyLen):]
	return version{key: key, value: value, mark: b[1], removed: b[0]&bitDelete != 0}, b[0], true
}

// timeOf is when a version of a key was written, as a number that grows.
func timeOf(key []byte) uint64 { return ^binary.BigEndian.Uint64(key[len(key)-8:]) }

// lastByte is the place behind the last byte of a file that is not zero, from a
// place on.
func lastByte(f *os.File, from int64) (int64, error) {
	buf := make([]byte, 256<<10)
	last := from
	for {
		n, err := f.ReadAt(buf, from)
		for i := n - 1; i >= 0; i-- {
			if buf[i] != 0 {
				last = from + int64(i) + 1
				break
			}
		}
		from += int64(n)
		if errors.Is(err, io.EOF) {
			return last, nil
		}
		if err != nil {
			return last, err
		}
	}
}

// short is the name of a file for a report about its directory.
func short(name string) string { return filepath.Base(name) }
