package persistence

import (
	"crypto/rand"
	"errors"
)

// Identity gives the name by which bridges tell the instance that a store belongs
// to from all others: made up at first, and the same ever after.
func Identity(store Store) (string, error) {
	key := PartMeta.Named("identity")
	value, err := store.Get(nil, key)
	if err == nil && len(value) > 0 {
		return string(value), nil
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", err
	}
	identity := NewIdentity()
	var b Batch
	b.Put(key, []byte(identity))
	return identity, store.Apply(&b)
}

// NewIdentity makes an identity for an instance that keeps nothing: 16 letters
// and digits.
func NewIdentity() string { return rand.Text()[:16] }
