package persistence_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/memory"
)

func TestAnIdentityStays(t *testing.T) {
	store := memory.New()
	first, err := persistence.Identity(store)
	require.NoError(t, err)
	require.Len(t, first, 16)
	again, err := persistence.Identity(store)
	require.NoError(t, err)
	require.Equal(t, first, again)
	other, err := persistence.Identity(memory.New())
	require.NoError(t, err)
	require.NotEqual(t, first, other)
}
