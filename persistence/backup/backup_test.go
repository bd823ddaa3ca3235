package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupemq/troupe/persistence"
)

// store is a map that can be told to fail.
type store struct {
	persistence.Store // what is not used here
	keys              map[string]string
	scanFails         int   // after so many keys; 0: never
	applyFails        int   // the n-th; 0: never
	syncFails         error // what Sync returns
	applied, synced   int
}

var errBroken = errors.New("device is broken")

func newStore() *store { return &store{keys: make(map[string]string)} }

func (s *store) Apply(b *persistence.Batch) error {
	if s.applied++; s.applied == s.applyFails {
		return errBroken
	}
	for _, op := range b.Ops() {
		s.keys[string(op.Key)] = string(op.Value)
	}
	return nil
}

func (s *store) Sync() error {
	s.synced++
	return s.syncFails
}

// Scan reuses its memory, as it may.
func (s *store) Scan(_, _ []byte, visit func(key, value []byte) bool) error {
	var key, value []byte
	for i, k := range slices.Sorted(maps.Keys(s.keys)) {
		if s.scanFails > 0 && i == s.scanFails {
			return errBroken
		}
		key, value = append(key[:0], k...), append(value[:0], s.keys[k]...)
		if !visit(key, value) {
			return nil
		}
		clear(key)
		clear(value)
	}
	return nil
}

// several has a few blocks: of many keys, of one that is larger than a block.
func several() *store {
	s := newStore()
	for i := range 3000 {
		s.keys[string(persistence.PartPage.Key(uint64(i), 7))] = strings.Repeat(fmt.Sprint(i), 50)
	}
	s.keys[string(persistence.PartBody.Key(1))] = strings.Repeat("body", blockSize/2)
	s.keys[string(persistence.PartRetained.Named("a/b"))] = ""
	s.keys[string(persistence.PartMeta.Named("format"))] = "1"
	return s
}

func written(t require.TestingT, s *store) ([]byte, Summary) {
	var out bytes.Buffer
	sum, err := Write(&out, s)
	require.NoError(t, err)
	return out.Bytes(), sum
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	from := several()
	text, wrote := written(t, from)
	into := newStore()
	read, err := Read(iotest.HalfReader(bytes.NewReader(text)), into)
	require.NoError(t, err)
	require.Equal(t, from.keys, into.keys)
	require.Equal(t, wrote, read)
	require.Equal(t, 1, into.synced)
	require.EqualValues(t, read.Blocks, into.applied)

	require.Equal(t, Version, read.Version)
	require.EqualValues(t, len(text), read.Size)
	require.EqualValues(t, 3003, read.Keys)
	require.Greater(t, read.Blocks, int64(3))
	require.EqualValues(t, persistence.Amount{Keys: 1, Bytes: 9 + 2*blockSize}, read.Parts[persistence.PartBody])
	require.EqualValues(t, persistence.Amount{Keys: 1, Bytes: 4}, read.Parts[persistence.PartRetained])
	require.Equal(t, sha256.Sum256(text[:len(text)-introSize-endSize-4]), read.Sum)

	checked, err := Check(bytes.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, wrote, checked)
}

// The same store gives the same backup, byte for byte.
func TestBackupsCompare(t *testing.T) {
	one, _ := written(t, several())
	two, _ := written(t, several())
	require.Equal(t, one, two)
}

func TestEmptyStore(t *testing.T) {
	text, sum := written(t, newStore())
	require.Zero(t, sum.Keys)
	into := newStore()
	_, err := Read(bytes.NewReader(text), into)
	require.NoError(t, err)
	require.Empty(t, into.keys)
}

func TestAnyStoreRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := &store{keys: rapid.MapOfN(rapid.StringN(0, 20, 40), rapid.StringN(0, 200, 400), 0, 50).Draw(t, "keys")}
		text, wrote := written(t, from)
		into := newStore()
		read, err := Read(bytes.NewReader(text), into)
		require.NoError(t, err)
		require.Equal(t, from.keys, into.keys)
		require.Equal(t, wrote, read)
	})
}

// Wherever it is cut off, that is found.
func TestEveryTruncationIsFound(t *testing.T) {
	s := newStore()
	for i := range 20 {
		s.keys[fmt.Sprintf("key %2d", i)] = strings.Repeat("v", i)
	}
	text, _ := written(t, s)
	for n := range text {
		_, err := Check(bytes.NewReader(text[:n]))
		if n == 0 {
			require.ErrorIs(t, err, ErrForeign)
			continue
		}
		require.ErrorIs(t, err, ErrDamaged, "%d of %d bytes", n, len(text))
	}
}

// Whichever bit is another, that is found.
func TestEveryFlippedBitIsFound(t *testing.T) {
	s := newStore()
	s.keys["a"], s.keys["b"], s.keys["c"] = "1", "", "333"
	text, _ := written(t, s)
	for i := range 8 * len(text) {
		wrong := bytes.Clone(text)
		wrong[i/8] ^= 1 << (i % 8)
		_, err := Check(bytes.NewReader(wrong))
		if i/8 < len(magic) {
			require.ErrorIs(t, err, ErrForeign)
			continue
		}
		require.ErrorIs(t, err, ErrDamaged, "bit %d of byte %d", i%8, i/8)
	}
}

// The place of damage is named: the block and where it begins.
func TestDamageIsPlaced(t *testing.T) {
	text, sum := written(t, several())
	blocks := places(text)
	require.Len(t, blocks, int(sum.Blocks)+1)
	for n, at := range blocks[:sum.Blocks] {
		wrong := bytes.Clone(text)
		wrong[at+introSize+5] ^= 0x40
		into := newStore()
		_, err := Read(bytes.NewReader(wrong), into)
		require.EqualError(t, err, fmt.Sprintf("backup: damaged in block %d, which begins at byte %d: its contents do not match their checksum", n, at))
		require.Equal(t, n, into.applied, "only what was whole is applied")
		require.Zero(t, into.synced)

		_, err = Check(bytes.NewReader(text[:at+introSize+100]))
		require.EqualError(t, err, fmt.Sprintf("backup: damaged in block %d, which begins at byte %d: the backup ends there, 117 bytes into the block: it is not complete", n, at))
	}
	_, err := Check(bytes.NewReader(text[:blocks[sum.Blocks]]))
	require.EqualError(t, err, fmt.Sprintf("backup: damaged in block %d, which begins at byte %d: the backup ends there, 0 bytes into the block: it is not complete", sum.Blocks, blocks[sum.Blocks]))
}

// places is where the blocks begin.
func places(text []byte) (at []int) {
	for i := headerSize; i < len(text); {
		at = append(at, i)
		i += introSize + int(binary.BigEndian.Uint32(text[i+9:])) + 4
	}
	return at
}

// What no flipped bit makes: blocks that are whole and in the wrong place.
func TestWholeBlocksInTheWrongPlace(t *testing.T) {
	text, sum := written(t, several())
	at := places(text)
	block := func(i int) []byte {
		if i+1 < len(at) {
			return text[at[i]:at[i+1]]
		}
		return text[at[i]:]
	}
	end := int(sum.Blocks)
	for what, c := range map[string]struct {
		text []byte
		want string
	}{
		"left out": {slices.Concat(text[:at[0]], block(1)), "block 0, which begins at byte 16: it says that it is block 1"},
		"twice":    {slices.Concat(text[:at[1]], block(0)), fmt.Sprintf("block 1, which begins at byte %d: it says that it is block 0", at[1])},
		"more":     {slices.Concat(text, []byte("\n")), fmt.Sprintf("block %d, which begins at byte %d: it is the end, and more follows at byte %d", end, at[end], len(text))},
	} {
		_, err := Check(bytes.NewReader(c.text))
		require.EqualError(t, err, "backup: damaged in "+c.want, what)
	}
}

// A reader trusts no one: blocks with right checksums that hold nonsense.
func TestForgedBlocks(t *testing.T) {
	forge := func(blocks ...func(w *writer)) []byte {
		var out bytes.Buffer
		w := &writer{to: &out, sum: sha256.New()}
		w.write(header(Version))
		for _, b := range blocks {
			b(w)
		}
		return out.Bytes()
	}
	data := func(contents string) func(w *writer) {
		return func(w *writer) { w.block(kindData, []byte(contents)); w.Blocks++ }
	}
	for text, want := range map[string]string{
		string(forge(data("\x05\x00key"))):                      "a key or value is longer than the block",
		string(forge(data("\x01\x03kvv"))):                      "a key or value is longer than the block",
		string(forge(data("\x80"))):                             "a key or value is longer than the block",
		string(forge(data("\x01"))):                             "a key or value is longer than the block",
		string(forge(data(strings.Repeat("\xff", 30)))):         "a key or value is longer than the block",
		string(forge(data("\x01\x00b\x01\x00a"))):               `key "a" comes after "b"`,
		string(forge(data("\x01\x00b"), data("\x01\x00b"))):     `key "b" comes after "b"`,
		string(forge(func(w *writer) { w.block('?', nil) })):    `it is of an unknown kind, '?'`,
		string(forge(func(w *writer) { w.block('e', nil) })):    "it is the end and has 0 bytes instead of 56",
		string(forge(func(w *writer) { w.Keys = 4; w.end() })):  "it is the end and tells of 4 keys, where 0 came",
		string(forge(data(""), func(w *writer) { w.end() })[:]): "",
	} {
		_, err := Check(strings.NewReader(text))
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, ErrDamaged)
		require.ErrorContains(t, err, want)
	}
}

// A length that is a lie takes no memory.
func TestLongLengthTakesNoMemory(t *testing.T) {
	text := append(header(Version), intro(kindData, 0, 1<<31-1)...)
	text = append(text, "and no more"...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Check(bytes.NewReader(text))
	require.EqualError(t, err, "backup: damaged in block 0, which begins at byte 16: the backup ends there, 28 bytes into the block: it is not complete")
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20))
}

func TestOtherFiles(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "backup: this is not a backup of TroupeMQ: it is empty",
		"PK\x03\x04":                    `backup: this is not a backup of TroupeMQ: it does not begin with "troupeBK"`,
		"name: troupe\nlisteners: []":   `backup: this is not a backup of TroupeMQ: it does not begin with "troupeBK"`,
		string(header(2)):               "backup: the backup has a newer format: 2, and this version of troupe reads up to 1; use a newer one",
		"trou":                          "backup: damaged in its header: it ends after 4 bytes",
		string(header(1)[:15]) + "\x00": "backup: damaged in its header: it does not match its checksum",
	} {
		_, err := Check(strings.NewReader(text))
		require.EqualError(t, err, want)
	}
	_, err := Check(bytes.NewReader(header(700)))
	require.ErrorIs(t, err, ErrNewer)
}

// A store that fails while it is written leaves a backup that says so.
func TestWriterGivesUp(t *testing.T) {
	s := several()
	s.scanFails = 2900
	var out bytes.Buffer
	_, err := Write(&out, s)
	require.ErrorIs(t, err, errBroken)
	require.EqualError(t, err, "backup: cannot read the store: device is broken")
	_, err = Check(&out)
	require.EqualError(t, err, "backup: not complete, its writer gave up: device is broken")
	require.ErrorIs(t, err, ErrDamaged)
}

// full is a place with room for so many bytes.
type full struct{ left int }

func (f *full) Write(b []byte) (int, error) {
	n := min(len(b), f.left)
	if f.left -= n; n < len(b) {
		return n, errBroken
	}
	return n, nil
}

func TestNoRoomForTheBackup(t *testing.T) {
	text, _ := written(t, several())
	for _, room := range []int{0, headerSize, headerSize + 3, len(text) / 2, len(text) - 1} {
		_, err := Write(&full{room}, several())
		require.EqualError(t, err, fmt.Sprintf("backup: cannot write at byte %d: device is broken", room))
		require.ErrorIs(t, err, errBroken)
	}
}

func TestReaderFails(t *testing.T) {
	text, _ := written(t, several())
	_, err := Check(io.MultiReader(bytes.NewReader(text[:5000]), iotest.ErrReader(errBroken)))
	require.EqualError(t, err, "backup: cannot be read at byte 5000: device is broken")
	_, err = Check(io.MultiReader(bytes.NewReader(text[:5000]), iotest.ErrReader(io.ErrUnexpectedEOF)))
	require.ErrorIs(t, err, ErrDamaged, "a connection that broke")
}

func TestRestoringStoreFails(t *testing.T) {
	text, _ := written(t, several())
	at := places(text)
	into := newStore()
	into.applyFails = 3
	_, err := Read(bytes.NewReader(text), into)
	require.ErrorIs(t, err, errBroken)
	require.EqualError(t, err, fmt.Sprintf("backup: cannot store block 2, which begins at byte %d: device is broken", at[2]))

	into = newStore()
	into.syncFails = errBroken
	_, err = Read(bytes.NewReader(text), into)
	require.EqualError(t, err, "backup: cannot sync the store: device is broken")
}

// FuzzCheck: whatever it gets, it ends with a backup or with words, and what it
// takes for a backup is one.
func FuzzCheck(f *testing.F) {
	text, _ := written(f, &store{keys: map[string]string{"a": "1", "b": "22"}})
	f.Add(text)
	f.Add(text[:40])
	f.Add(append(header(1), intro(kindEnd, 0, 3)...))
	f.Fuzz(func(t *testing.T, text []byte) {
		into := newStore()
		sum, err := Read(bytes.NewReader(text), into)
		if err != nil {
			return
		}
		require.EqualValues(t, len(text), sum.Size)
		require.EqualValues(t, len(into.keys), sum.Keys)
	})
}
