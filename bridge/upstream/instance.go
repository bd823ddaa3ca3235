package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// errAlone is the error of an upstream that is an instance of the process, when
// nobody knows of any.
var errAlone = errors.New("there is no other instance in this process; instance:// is for several instances that are served together")

// reach makes a connection to another instance of the process.
func (u *Upstream) reach(ctx context.Context) (net.Conn, error) {
	if u.dial == nil {
		return nil, errAlone
	}
	conn, err := u.ask(ctx)
	if err == nil && conn == nil {
		err = errors.New("it gave no connection")
	}
	if err != nil {
		return nil, failure(ctx, "connect to instance "+u.address.Host, err)
	}
	return conn, nil
}

// ask calls the function that was handed in. One that panics is the program's
// fault and must not end it here.
func (u *Upstream) ask(ctx context.Context) (conn net.Conn, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("it panicked: %v", reason)
		}
	}()
	return u.dial(ctx, u.address.Host)
}
