package badger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	library "github.com/dgraph-io/badger/v4"
	libtable "github.com/dgraph-io/badger/v4/table"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/persistence"
)

// Repair copies all that can be read of a damaged directory into another one,
// which must be empty or missing, and leaves the first as it is. Of each key the
// newest version that is left is taken. report gets a line for each file that was
// not whole and for what that means. The new directory can be opened if the
// result is nil, however much was lost; otherwise it should be removed.
func Repair(dir, into string, report func(string)) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("repair: %w", err)
	}
	if into, err = filepath.Abs(into); err != nil {
		return fmt.Errorf("repair: %w", err)
	}
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("repair: %w", err)
	}
	l, err := acquire(dir, Options{Owner: "troupe repair"})
	if err != nil {
		return fmt.Errorf("repair: %w", err)
	}
	r := &repair{dir: dir, into: into, report: report}
	err = r.run()
	if err != nil {
		err = fmt.Errorf("repair of %s into %s: %w", dir, into, err)
	}
	return errors.Join(err, l.release())
}

// repair is one run. The copy is written with the times of the versions, so it
// does not matter in which order they are found.
type repair struct {
	dir, into string
	report    func(string)
	db        *library.DB
	batch     *library.WriteBatch
	versions  int
}

func (r *repair) run() error {
	if files, err := os.ReadDir(r.into); err == nil && len(files) > 0 {
		return errors.New("the new directory is not empty: name an empty one, or one that does not exist")
	}
	if err := os.MkdirAll(r.into, 0o700); err != nil {
		return err
	}
	if err := r.copy(); err != nil {
		return err
	}
	s, err := Open(r.into, Options{MinFree: -1})
	if err != nil {
		return err
	}
	kept, err := r.check(s)
	if err == nil {
		r.say("%d versions were read, %d keys are kept in %s", r.versions, kept, r.into)
	}
	return errors.Join(err, s.Close())
}

// copy writes all versions into the new directory.
func (r *repair) copy() (err error) {
	o := Options{Log: zap.NewNop(), MemTable: 16 << 20}
	if r.db, err = library.OpenManaged(libraryOptions(r.into, o, newGiveUp())); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.db.Close()) }()
	r.batch = r.db.NewManagedWriteBatch()
	defer r.batch.Cancel()
	tables, err := r.tables()
	if err != nil {
		return err
	}
	for _, name := range tables {
		if err := r.table(name); err != nil {
			return err
		}
	}
	logs, err := named(r.dir, logFile)
	if err != nil {
		return err
	}
	for _, name := range logs {
		if err := r.log(name); err != nil {
			return err
		}
	}
	if err := r.batch.Flush(); err != nil {
		return err
	}
	return r.complete()
}

// tables lists the files to read: those that are in use, or all.
func (r *repair) tables() ([]string, error) {
	all, err := named(r.dir, tableFile)
	if err != nil {
		return nil, err
	}
	m, err := readManifest(r.dir)
	if err != nil {
		r.say("%s: %v: all tables are read, and data that was removed may be back", library.ManifestFilename, cause(err))
		return all, nil
	}
	var used []string
	for _, name := range all {
		if id, ok := libtable.ParseFileID(name); ok {
			if _, ok := m.Tables[id]; ok {
				used = append(used, name)
				delete(m.Tables, id)
			}
		}
	}
	for id := range m.Tables {
		r.say("%s: the file is missing: what was in it is lost", libtable.IDToFilename(id))
	}
	if len(m.Tables) > 0 && len(used) < len(all) {
		r.say("%s: it may be older than the tables: all that are there are read, and data that was removed may be back", library.ManifestFilename)
		return all, nil
	}
	return used, nil
}

// table copies what can be read of a file.
func (r *repair) table(name string) error {
	t, err := openTable(name)
	if errors.Is(err, errDamage) {
		r.say("%s: %v: what was in it is lost", short(name), err)
		return nil
	}
	if err != nil {
		return err
	}
	defer t.Close()
	for i, b := range t.blocks {
		err := t.visit(b, r.put)
		if err == nil {
			continue
		}
		var failed *os.PathError
		if !errors.Is(err, errDamage) && !errors.As(err, &failed) {
			return err
		}
		r.say("%s: block %d of %d, %d bytes at %d: %v: keys from %s to %s are lost, or have an older value",
			short(name), i+1, len(t.blocks), b.size, b.at, err, show(b.first), t.until(i))
	}
	return nil
}

// until is the key before which block i ends.
func (t *table) until(i int) string {
	if i+1 == len(t.blocks) {
		return "the end of the file"
	}
	return show(t.blocks[i+1].first)
}

// log copies the complete transactions of a file.
func (r *repair) log(name string) error {
	t, err := readLog(name, r.put)
	if err != nil {
		return err
	}
	if t.bytes > 0 {
		r.say("%s: %d bytes from %d on are not complete: changes in them are lost", short(name), t.bytes, t.at)
	}
	return nil
}

// put writes a version.
func (r *repair) put(v version) error {
	key, time := append([]byte(nil), v.key[:len(v.key)-8]...), timeOf(v.key)
	if len(key) == 0 || time == 0 {
		return nil
	}
	if string(key[:min(len(key), 8)]) == libraryPrefix {
		return nil
	}
	r.versions++
	if v.removed {
		return r.batch.DeleteAt(key, time)
	}
	return r.batch.SetEntryAt(library.NewEntry(key, append([]byte(nil), v.value...)).WithMeta(v.mark), time)
}

// complete adds what Open has to find: the format, and no marker of a large batch
// whose pieces are not all there.
func (r *repair) complete() error {
	t := r.db.NewTransactionAt(^uint64(0), true)
	defer t.Discard()
	last := r.db.MaxVersion() + 1
	name := persistence.PartMeta.Named(formatName)
	if _, err := t.Get(name); errors.Is(err, library.ErrKeyNotFound) {
		r.say("the format of the directory is lost: it is taken for %d", format)
		if err := t.Set(name, strconv.AppendUint(nil, format, 10)); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	item, err := t.Get(markerKey())
	if errors.Is(err, library.ErrKeyNotFound) {
		return t.CommitAt(last, nil)
	}
	if err != nil {
		return err
	}
	count, err := item.ValueCopy(nil)
	if err != nil {
		return err
	}
	for n := range binary.BigEndian.Uint32(count) {
		if _, err := t.Get(redoKey(n)); err != nil {
			r.say("a large batch is lost in part: some of its changes may be there")
			if err := t.Delete(markerKey()); err != nil {
				return err
			}
			break
		}
	}
	return t.CommitAt(last, nil)
}

// check removes keys of which a piece is lost, and counts those that are left.
func (r *repair) check(s *Store) (kept int, err error) {
	var broken persistence.Batch
	t := s.reader()
	defer t.Discard()
	it := t.NewIterator(library.IteratorOptions{})
	defer it.Close()
	for it.Seek([]byte{reserved + 1}); it.Valid(); it.Next() {
		if _, err := s.value(t, it.Item(), nil); err != nil {
			if !errors.Is(err, persistence.ErrCorrupt) {
				return kept, err
			}
			key := it.Item().KeyCopy(nil)
			r.say("the value of key %s is lost in part: the key is removed", quote(key))
			broken.Delete(key)
			continue
		}
		kept++
	}
	return kept, s.Apply(&broken)
}

func (r *repair) say(format string, args ...any) { r.report(fmt.Sprintf(format, args...)) }

// cause is what is wrong without the way out, which is this way.
func cause(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return errors.New("the file is missing")
	}
	return err
}

// show is a key of a file without its time, for people.
func show(key []byte) string { return quote(key[:max(0, len(key)-8)]) }

func quote(key []byte) string {
	if len(key) > 64 {
		return strconv.QuoteToASCII(string(key[:64])) + "..."
	}
	return strconv.QuoteToASCII(string(key))
}
