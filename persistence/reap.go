package persistence

import "bytes"

// Reap adds to a batch the next slice of what is left of a session that is over,
// to be taken away: so many keys at most, but at least one. changes is for
// [Bodies.Settle], with the same group. Once the batch was applied, the next call
// goes on; with done, nothing is left, and the batch has the [PartEnded] key too.
//
// A damaged page is taken away all the same. Which bodies it refers to is not
// known: they stay.
func Reap(store Store, sid uint64, slice int, b *Batch) (changes []Change, done bool, err error) {
	slice = max(1, slice)
	var taken Batch
	left := slice
	for _, part := range []Part{PartPage, PartSubscription} {
		err := store.Scan(part.Key(sid), nil, func(key, value []byte) bool {
			if left == 0 {
				left = -1
				return false
			}
			left--
			if part == PartPage {
				changes = appendDropped(changes, value)
			}
			taken.Delete(bytes.Clone(key))
			return true
		})
		if err != nil {
			return nil, false, err
		}
		if left < 0 {
			b.Append(&taken)
			return changes, false, nil
		}
	}
	b.Append(&taken)
	b.Delete(PartHead.Key(sid))
	b.Delete(PartSession.Key(sid))
	b.Delete(PartEnded.Key(sid))
	return changes, true, nil
}

// appendDropped adds that a page refers to its bodies no more.
func appendDropped(changes []Change, page []byte) []Change {
	bodies, _ := PageBodies(page)
	for _, id := range bodies {
		changes = append(changes, Change{ID: id, Count: -1})
	}
	return changes
}
