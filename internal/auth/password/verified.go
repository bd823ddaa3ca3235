package password

import (
	"crypto/sha256"
	"sync"
)

// verifiedMost is how many credentials are remembered.
const verifiedMost = 16_384

// verified is the credentials that were right. The zero value is ready for use.
type verified struct {
	mu   sync.Mutex
	sums map[[sha256.Size]byte]struct{}
}

func (v *verified) has(sum [sha256.Size]byte) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, ok := v.sums[sum]
	return ok
}

// add remembers one more, and forgets any other if there are too many.
func (v *verified) add(sum [sha256.Size]byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.sums == nil {
		v.sums = make(map[[sha256.Size]byte]struct{})
	}
	for other := range v.sums {
		if len(v.sums) < verifiedMost {
			break
		}
		delete(v.sums, other)
	}
	v.sums[sum] = struct{}{}
}
