//go:build !linux

package nullbroker

import (
	"context"
	"errors"
	"net"
)

// Serve needs Linux, and says so.
func Serve(_ context.Context, l net.Listener) error {
	return errors.Join(errors.New("nullbroker: it needs Linux: it is made of epoll"), l.Close())
}

// conn is nothing here.
type conn struct{ member }
