package password

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/troupemq/troupe/internal/auth"
)

// ErrNoUser is returned for a user who is not in a file.
var ErrNoUser = errors.New("there is no such user")

// passwordMost is the longest password that MQTT can carry, in bytes.
const passwordMost = 65535

// Set gives a user a password, and tells whether the user is new. The file is
// made if it is not there; all else in it stays as it is. It waits for another
// who edits it until ctx is done.
func Set(ctx context.Context, file, name string, password []byte) (added bool, err error) {
	if err := CheckName(name); err != nil {
		return false, err
	}
	switch {
	case len(password) == 0:
		return false, errors.New("the password is empty")
	case len(password) > passwordMost:
		return false, fmt.Errorf("the password has %d bytes; allowed: up to %d", len(password), passwordMost)
	}
	made := []byte(name + ":" + newHash(password).String() + "\n") // before anybody has to wait
	err = edit(ctx, file, true, func(text []byte) ([]byte, error) {
		text, at := without(text, name)
		added = at < 0
		if added {
			at = len(text)
		}
		if at > 0 && text[at-1] != '\n' {
			made = append([]byte("\n"), made...)
		}
		return bytes.Join([][]byte{text[:at], made, text[at:]}, nil), nil
	})
	return added && err == nil, err
}

// Delete takes a user out of a file; an error that is [ErrNoUser] says that there
// is none of that name. All else in the file stays as it is.
func Delete(ctx context.Context, file, name string) error {
	return edit(ctx, file, false, func(text []byte) ([]byte, error) {
		text, at := without(text, name)
		if at < 0 {
			return nil, fmt.Errorf("%s: user %q: %w", file, name, ErrNoUser)
		}
		return text, nil
	})
}

// without takes the lines of a user out of a text, and tells where the first was;
// below 0: there was none.
func without(text []byte, name string) (rest []byte, at int) {
	at = -1
	first := true
	for l := range bytes.Lines(text) {
		if p := parseLine(l, first); p.user && p.colon && p.name == name {
			if at < 0 {
				at = len(rest)
			}
		} else {
			rest = append(rest, l...)
		}
		first = false
	}
	return rest, at
}

// edit changes a file while nobody else does, in one step: whoever reads it sees
// it as it was or as it is then, whatever happens.
func edit(ctx context.Context, file string, create bool, change func([]byte) ([]byte, error)) error {
	if target, err := filepath.EvalSymlinks(file); err == nil {
		file = target // which is replaced, not the link
	}
	unlock, err := lock(ctx, file)
	if err != nil {
		return err
	}
	defer unlock()
	text, err := auth.ReadFile(file)
	before, missing := os.Stat(file)
	if err != nil && !(create && errors.Is(missing, fs.ErrNotExist)) {
		return err
	}
	if text, err = change(text); err != nil {
		return err
	}
	if err := replace(file, before, text); err != nil {
		return fmt.Errorf("%s could not be written: %w", file, err)
	}
	return nil
}

// replace writes a file anew, with the mode and the owner that it had; before is
// nil for one that was not there.
func replace(file string, before fs.FileInfo, text []byte) (err error) {
	temporary, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = temporary.Close()
			_ = os.Remove(temporary.Name())
		}
	}()
	if before != nil {
		if err := takeOver(temporary, before); err != nil {
			return err
		}
	}
	if _, err := temporary.Write(text); err != nil {
		return err
	}
	if err := temporary.Sync(); err != nil {
		return err
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	if err := os.Rename(temporary.Name(), file); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(file))
}

// syncDirectory makes the names in a directory safe from a loss of power, where
// the system can.
func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	return nil
}
