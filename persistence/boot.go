package persistence

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// CountBoot counts up how often a store was taken into use, and gives the new
// number, from 1 on: with it in front, numbers are never used twice. A store
// that counts by itself says so by a method Boot.
func CountBoot(store Store) (uint64, error) {
	if counting, ok := store.(interface{ Boot() uint64 }); ok {
		return counting.Boot(), nil
	}
	key := PartMeta.Named("boots")
	value, err := store.Get(nil, key)
	boot := uint64(0)
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return 0, err
	case len(value) != 8:
		return 0, fmt.Errorf("%w: the number of boots has %d bytes, and not 8", ErrCorrupt, len(value))
	default:
		boot = binary.BigEndian.Uint64(value)
	}
	boot++
	var b Batch
	b.Put(key, binary.BigEndian.AppendUint64(nil, boot))
	if err := store.Apply(&b); err != nil {
		return 0, err
	}
	return boot, store.Sync()
}
