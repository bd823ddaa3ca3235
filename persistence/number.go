package persistence

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// BootShift is how many bits of a session's or body's number are left to the one
// boot that gave it; the others are the number of the boot.
const BootShift = 40

// RaiseBoots makes the count of boots at least as high as that of any number in
// the store, so that none is given a second time. What counts may have lost it,
// or have an older one, after the store was repaired.
func RaiseBoots(store Store) error {
	highest := uint64(0)
	for _, part := range []Part{PartSession, PartSubscription, PartHead, PartPage, PartEnded, PartBody, PartCount} {
		err := store.Scan(part.Key(), nil, func(key, _ []byte) bool {
			highest = max(highest, Number(key, 0)>>BootShift)
			return true
		})
		if err != nil {
			return err
		}
	}
	key := PartMeta.Named("boots")
	value, err := store.Get(nil, key)
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return err
	case len(value) == 8 && binary.BigEndian.Uint64(value) >= highest:
		return nil
	}
	var b Batch
	b.Put(key, binary.BigEndian.AppendUint64(nil, highest))
	if err := store.Apply(&b); err != nil {
		return fmt.Errorf("raising the number of boots to %d: %w", highest, err)
	}
	return store.Sync()
}
