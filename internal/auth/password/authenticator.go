package password

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync/atomic"

	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/protocol/packet"
)

// Authenticator lets in users with their passwords. Users may be replaced
// meanwhile.
//
// How many hash at a time is bounded by a [Hashing]; who has to wait for that
// longer than its connection may is told to come again (0x89, Server busy).
//
// A name and a password that were right are remembered, as a hash with a key
// that this process alone has, until the users are replaced; the last 16,384 of
// them or so. Who comes again with them is let in without hashing, and without
// waiting for those who are hashed.
type Authenticator struct {
	users  atomic.Pointer[Users]
	hashes queue // those who wait to be hashed
	secret [sha256.Size]byte
}

// New returns an Authenticator for users, that hashes with all who share h; nil:
// there are no users, and it knows nobody.
func New(users *Users, h *Hashing) *Authenticator {
	a := &Authenticator{hashes: queue{of: h}}
	_, _ = rand.Read(a.secret[:]) // never fails
	a.Set(users)
	return a
}

// Set replaces the users; nil: there are none. Who was let in as one that is gone,
// or has another hash, is not admitted any more: whoever keeps an Admission has to
// ask it again after this.
func (a *Authenticator) Set(users *Users) { a.users.Store(users) }

// Users are those in force; nil: there are none.
func (a *Authenticator) Users() *Users { return a.users.Load() }

// Authenticate implements auth.Authenticator.
func (a *Authenticator) Authenticate(ctx context.Context, c auth.Client) error {
	_, err := a.Admit(ctx, c)
	return err
}

// Admit implements auth.Admitter. It takes the same time for a user who is unknown
// as for a wrong password. The Admission holds as long as the user is there, with
// the same hash.
func (a *Authenticator) Admit(ctx context.Context, c auth.Client) (auth.Admission, error) {
	users := a.users.Load()
	if users == nil || c.Username == "" {
		return nil, auth.ErrUnknown
	}
	if err := a.check(ctx, users, c); err != nil {
		return nil, err
	}
	return &admission{a, c.Username, users.hashes[c.Username]}, nil
}

// admission is that of a user.
type admission struct {
	by   *Authenticator
	name string
	hash *hash
}

// Holds implements auth.Admission. A Client that was checked against users which
// have been replaced meanwhile finds the new ones here.
func (a *admission) Holds() bool { return a.by.users.Load().have(a.name, a.hash) }

func (a *Authenticator) check(ctx context.Context, users *Users, c auth.Client) error {
	sum := a.sum(c.Username, c.Password)
	if users.verified.has(sum) {
		return nil
	}
	if a.hashes.enter(ctx) != nil {
		return &auth.Refusal{Code: packet.ServerBusy, Reason: "too many passwords have to be checked at once"}
	}
	defer a.hashes.of.leave()
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
