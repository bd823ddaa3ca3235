package spelling

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNearest(t *testing.T) {
	keys := []string{"name", "log.level", "log.format", "limits.max_connections", "listeners[0].address"}
	for name, want := range map[string]string{
		"nmae": "name", "level": "log.level", "log.levle": "log.level", "limits.max_conections": "limits.max_connections",
		"listeners[0].adress": "listeners[0].address", "log": "", "colour": "",
	} {
		require.Equal(t, want, Nearest(name, keys), name)
	}
	require.Empty(t, Nearest("name", nil))
}
