package badger

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	library "github.com/dgraph-io/badger/v4"
)

// The library takes a MANIFEST that ends early for one that was being written,
// and then removes all tables that it does not name. So we remember in a file how
// long the MANIFEST is, each time that a log became a table, and refuse one that
// has lost some of that. It only grows, until it is written anew and begins
// differently.

// knownFile says "how long, how it begins in hexadecimal".
const knownFile = "KNOWN"

const knownHead = 64 // bytes from the begin that tell one MANIFEST from another

// remember notes how long the MANIFEST is, if that has changed.
func (s *Store) remember() error {
	f, err := os.Open(filepath.Join(s.dir, library.ManifestFilename))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == s.known {
		return err
	}
	head := make([]byte, min(knownHead, info.Size()))
	if _, err := io.ReadFull(f, head); err != nil {
		return err
	}
	name := filepath.Join(s.dir, knownFile)
	if err := os.WriteFile(name+".new", fmt.Appendf(nil, "%d %x\n", info.Size(), head), 0o600); err != nil {
		return err
	}
	if err := syncFile(name + ".new"); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	s.known = info.Size()
	return nil
}

// recall tells whether a MANIFEST that was read to a place has all that is
// remembered of it. What cannot be read of the memory is no reason to refuse.
func recall(dir string, read int64) (whole bool, err error) {
	text, err := os.ReadFile(filepath.Join(dir, knownFile))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	var size int64
	var digits string
	if _, err := fmt.Sscan(string(text), &size, &digits); err != nil || read >= size {
		return true, nil
	}
	head, err := hex.DecodeString(digits)
	if err != nil {
		return true, nil
	}
	manifest, err := os.ReadFile(filepath.Join(dir, library.ManifestFilename))
	if err != nil {
		return false, err
	}
	n := min(len(head), len(manifest), int(read)) // what was read has matched its checksums
	return !bytes.Equal(head[:n], manifest[:n]), nil
}
