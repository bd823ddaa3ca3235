package password

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"runtime"
	"sync/atomic"

	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/protocol/packet"
)

// Authenticator lets in users with their passwords. Users may be replaced
// meanwhile.
//
// At most half of the processors hash for it at a time, and at least one; who
// has to wait for that longer than its connection may is told to come again (0x89,
// Server busy).
//
// A name and a password that were right are remembered, as a hash with a key
// that this process alone has, until the users are replaced; the last 16,384 of
// them or so. Who comes again with them is let in without hashing, and without
// waiting for those who are hashed.
type Authenticator struct {
	users  atomic.Pointer[Users]
	hashes chan struct{} // room for as many as may hash at a time
	secret [sha256.Size]byte
}

// New returns an Authenticator for users; nil: there are none, and it knows
// nobody.
func New(users *Users) *Authenticator {
	a := &Authenticator{hashes: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
	_, _ = rand.Read(a.secret[:]) // never fails
	a.Set(users)
	return a
}

// Set replaces the users; nil: there are none. Who is connected stays connected.
func (a *Authenticator) Set(users *Users) { a.users.Store(users) }

// Users are those in force; nil: there are none.
func (a *Authenticator) Users() *Users { return a.users.Load() }

// Authenticate implements auth.Authenticator. It takes the same time for a user
// who is unknown as for a wrong password.
func (a *Authenticator) Authenticate(ctx context.Context, c auth.Client) error {
	users := a.users.Load()
	if users == nil || c.Username == "" {
		return auth.ErrUnknown
	}
	sum := a.sum(c.Username, c.Password)
	if users.verified.has(sum) {
		return nil
	}
	if err := a.enter(ctx); err != nil {
		return err
	}
	defer func() { <-a.hashes }()
	if users.verified.has(sum) { // while this one waited
		return nil
	}
	known, right := users.Check(c.Username, c.Password)
	switch {
	case !known:
		return auth.ErrUnknown
	case !right:
		return &auth.Refusal{Code: packet.BadUserNameOrPassword, Reason: "the password is wrong"}
	}
	users.verified.add(sum)
	return nil
}

// enter waits until another may hash.
func (a *Authenticator) enter(ctx context.Context) error {
	busy := &auth.Refusal{Code: packet.ServerBusy, Reason: "too many passwords have to be checked at once"}
	if ctx.Err() != nil {
		return busy
	}
	select {
	case a.hashes <- struct{}{}:
		return nil
	case <-ctx.Done():
		return busy
	}
}

// sum is what is remembered of a name and a password.
func (a *Authenticator) sum(name string, password []byte) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, a.secret[:])
	var length [4]byte
	binary.BigEndian.PutUint32(length[:], uint32(len(name)))
	_, _ = h.Write(length[:]) // a hash takes all
	_, _ = h.Write([]byte(name))
	_, _ = h.Write(password)
	h.Sum(sum[:0])
	return sum
}
