package troupe

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/persistence"
)

// A repair finds the boots in the numbers that boots gave.
func TestNumbersAreThoseOfARepair(t *testing.T) {
	require.EqualValues(t, persistence.BootShift, bootShift)
}
