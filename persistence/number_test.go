package persistence_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/memory"
)

// Whatever is left of a store, the next boot gives no number that is in it.
func TestRaiseBoots(t *testing.T) {
	number := func(boot uint64) uint64 { return boot<<persistence.BootShift | 5 }
	parts := []persistence.Part{persistence.PartSession, persistence.PartSubscription, persistence.PartHead, persistence.PartPage,
		persistence.PartEnded, persistence.PartBody, persistence.PartCount}
	for _, part := range parts {
		for _, boots := range []string{"", "short", "\x00\x00\x00\x00\x00\x00\x00\x03", "\x00\x00\x00\x00\x00\x00\x00\x09"} {
			store := memory.New()
			var b persistence.Batch
			for _, other := range parts {
				b.Put(other.Key(number(2)), nil)
			}
			b.Put(part.Key(number(7), 4), nil)
			b.Put(persistence.PartRetained.Named("\xff\xff\xff\xff\xff\xff\xff\xff"), nil)
			if boots != "" {
				b.Put(persistence.PartMeta.Named("boots"), []byte(boots))
			}
			require.NoError(t, store.Apply(&b))
			require.NoError(t, persistence.RaiseBoots(store))
			boot, err := persistence.CountBoot(store)
			require.NoError(t, err)
			want := uint64(8)
			if boots == "\x00\x00\x00\x00\x00\x00\x00\x09" {
				want = 10
			}
			require.Equal(t, want, boot, "%s, %q", part, boots)
		}
	}
	store := memory.New()
	require.NoError(t, persistence.RaiseBoots(store))
	boot, err := persistence.CountBoot(store)
	require.NoError(t, err)
	require.EqualValues(t, 1, boot)
}
