package holder

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProcessInWords(t *testing.T) {
	require.Equal(t, "another process", Process{}.String())
	require.Equal(t, "process 7", Process{ID: 7}.String())
	require.Equal(t, "process 7 (mosquitto)", Process{ID: 7, Command: "mosquitto"}.String())
}
