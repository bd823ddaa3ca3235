package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// SocketName is the name of the socket in a data directory.
const SocketName = "control.sock"

// Socket is the path of the socket of the instance that has a data directory.
func Socket(dir string) string { return filepath.Join(dir, SocketName) }

// newSocketName is what the socket is called while it is made.
const newSocketName = "control.new"

var errTaken = errors.New("another process answers there")

// longest is how many bytes the path of a socket may have here.
const longest = len(syscall.RawSockaddrUnix{}.Path) - 1

// listen makes the socket, with mode 0600 from the first moment that it has its
// name. Who makes it has the directory to itself.
func listen(path string) (net.Listener, error) {
	if c, err := dial(context.Background(), path); err == nil {
		_ = c.Close()
		return nil, errTaken
	}
	// Made under another name, because between bind and chmod a socket has the
	// mode that the umask leaves. Windows goes by the rights of the directory,
	// and renames no socket.
	made := filepath.Join(filepath.Dir(path), newSocketName)
	if runtime.GOOS == "windows" {
		made = path
	}
	if err := unlink(made); err != nil {
		return nil, err
	}
	var l net.Listener
	err := reach(made, func(name string) (err error) {
		l, err = net.Listen("unix", name)
		return err
	})
	if err != nil {
		return nil, plain(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // it would not know the name it has then
	if err = os.Chmod(made, 0o600); err == nil && made != path {
		err = os.Rename(made, path)
	}
	if err != nil {
		_ = l.Close()
		_ = unlink(made)
		return nil, fmt.Errorf("cannot be kept from other users: %w", err)
	}
	return l, nil
}

func dial(ctx context.Context, path string) (c net.Conn, err error) {
	err = reach(path, func(name string) (err error) {
		c, err = new(net.Dialer).DialContext(ctx, "unix", name)
		return err
	})
	return c, plain(err)
}

// reach calls f with a name of path that is not too long for the system.
func reach(path string, f func(name string) error) error {
	if len(path) <= longest {
		return f(path)
	}
	if dir, err := os.Getwd(); err == nil {
		if below, err := filepath.Rel(dir, path); err == nil && len(below) <= longest {
			return f(below)
		}
	}
	return reachFar(path, f)
}

func tooLong(path string) error {
	return fmt.Errorf("the path has %d bytes and this system takes at most %d; name a data directory with a shorter path, or one below the working directory",
		len(path), longest)
}

// plain is err without what the net package says of the address, which the
// caller names.
func plain(err error) error {
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return op.Err
	}
	return err
}

func unlink(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
