package password

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/require"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}

// onlyFile holds that an edit left nothing else behind.
func onlyFile(t *testing.T, name string) {
	t.Helper()
	left, err := os.ReadDir(filepath.Dir(name))
	require.NoError(t, err)
	require.Len(t, left, 1)
}

func TestSetMakesTheFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "users")
	ctx := context.Background()
	added, err := Set(ctx, name, "ann", []byte("a"))
	require.NoError(t, err)
	require.True(t, added)
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	onlyFile(t, name)
	added, err = Set(ctx, name, "ann", []byte("b"))
	require.NoError(t, err)
	require.False(t, added)
	u, err := Read(name)
	require.NoError(t, err)
	_, right := u.Check("ann", []byte("b"))
	require.True(t, right)
	require.NoError(t, Delete(ctx, name, "ann"))
	require.Empty(t, read(t, name))
	require.ErrorIs(t, Delete(ctx, name, "ann"), ErrNoUser)
	require.EqualError(t, Delete(ctx, name, "ann"), name+`: user "ann": there is no such user`)
}

// All but the line of the user stays: comments, the mode, lines that are wrong, and
// the place of the user.
func TestEditsKeepTheRest(t *testing.T) {
	name := filepath.Join(t.TempDir(), "users")
	ctx := context.Background()
	require.NoError(t, os.WriteFile(name, []byte("# plant\r\n\r\nann:old\nwrong\n# ann:commented\nann:twice\nbob:"+cheap("b")), 0o640))
	require.NoError(t, os.Chmod(name, 0o640))
	_, err := Set(ctx, name, "ann", []byte("a"))
	require.NoError(t, err)
	lines := strings.SplitAfter(read(t, name), "\n")
	require.Equal(t, []string{"# plant\r\n", "\r\n"}, lines[:2])
	require.Regexp(t, `^ann:\$argon2id\$`, lines[2])
	require.Equal(t, []string{"wrong\n", "# ann:commented\n", "bob:" + cheap("b")}, lines[3:])
	_, err = Set(ctx, name, "eve", []byte("e"))
	require.NoError(t, err)
	require.Contains(t, read(t, name), "bob:"+cheap("b")+"\neve:$argon2id$")
	require.NoError(t, Delete(ctx, name, "bob"))
	require.NotContains(t, read(t, name), "bob")
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm())
	onlyFile(t, name)
}

func TestALinkIsKept(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "real"), 0o700))
	real, link := filepath.Join(dir, "real", "users"), filepath.Join(dir, "link")
	require.NoError(t, os.WriteFile(real, nil, 0o600))
	require.NoError(t, os.Symlink(real, link))
	_, err := Set(context.Background(), link, "ann", []byte("a"))
	require.NoError(t, err)
	require.Contains(t, read(t, real), "ann:")
	info, err := os.Lstat(link)
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&os.ModeSymlink)
}

func TestWhatCannotBeSet(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	for want, try := range map[string][2]string{
		"the name of the user is empty":      {"", "a"},
		`"a:b" is no name of a user`:         {"a:b", "a"},
		`"#a" is no name of a user`:          {"#a", "a"},
		`"a\nb" is no name of a user`:        {"a\nb", "a"},
		"the password is empty":              {"ann", ""},
		"the password has 65536 bytes":       {"ann", strings.Repeat("x", 65536)},
		"the name of the user has 65536 byt": {strings.Repeat("x", 65536), "a"},
	} {
		_, err := Set(ctx, filepath.Join(dir, "users"), try[0], []byte(try[1]))
		require.ErrorContains(t, err, want)
	}
	_, err := Set(ctx, filepath.Join(dir, "none", "users"), "ann", []byte("a"))
	require.ErrorContains(t, err, "cannot be edited")
	require.ErrorContains(t, err, "no such file or directory")
	require.ErrorContains(t, Delete(ctx, filepath.Join(dir, "users"), "ann"), "cannot be read: no such file or directory")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

// Whoever edits at the same time as others loses nothing of what they did.
func TestEditorsAtOnce(t *testing.T) {
	name := filepath.Join(t.TempDir(), "users")
	require.NoError(t, os.WriteFile(name, []byte("# users\ngone:"+cheap("g")+"\n"), 0o600))
	var all sync.WaitGroup
	failed := make(chan error, 20)
	for i := range 20 {
		all.Go(func() {
			_, err := Set(context.Background(), name, fmt.Sprintf("user-%d", i), []byte("a"))
			failed <- err
		})
	}
	require.NoError(t, Delete(context.Background(), name, "gone"))
	all.Wait()
	for range cap(failed) {
		require.NoError(t, <-failed)
	}
	u, err := Read(name)
	require.NoError(t, err)
	require.Equal(t, 20, u.Len())
	require.Contains(t, read(t, name), "# users\n")
	onlyFile(t, name)
}

func TestAnEditorThatDoesNotEnd(t *testing.T) {
	dir := t.TempDir()
	other := flock.New(filepath.Join(dir, ".users.lock"))
	require.NoError(t, other.Lock())
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err := Set(ctx, filepath.Join(dir, "users"), "ann", []byte("a"))
	require.ErrorContains(t, err, "since another process does so")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, other.Unlock())
	_, err = Set(context.Background(), filepath.Join(dir, "users"), "ann", []byte("a"))
	require.NoError(t, err)
}
