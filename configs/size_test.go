package configs

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSizeForPeople(t *testing.T) {
	for size, want := range map[Size]string{
		0: "0 B", 1023: "1023 B", KiB: "1.0 KiB", 1536 * MiB: "1.5 GiB", 24_683_656 * KiB: "23.5 GiB", math.MaxInt64: "8.0 EiB",
	} {
		require.Equal(t, want, size.About())
	}
}
