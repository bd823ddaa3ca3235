package badger_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/badger"
	"github.com/troupemq/troupe/persistence/storetest"
)

func TestStore(t *testing.T) {
	for name, o := range map[string]badger.Options{"Default": {}, "SmallTables": {MemTable: 1 << 20}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits for the device
			storetest.Run(t, func(t *testing.T, dir string) persistence.Store {
				s, err := badger.Open(dir, o)
				require.NoError(t, err)
				return s
			})
		})
	}
}
