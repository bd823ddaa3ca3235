package process

import (
	"bytes"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSelf(t *testing.T) {
	pid := os.Getpid()
	before, err := Used(pid)
	require.NoError(t, err)
	require.NoError(t, ResetPeak(pid))
	resident, err := Resident(pid)
	require.NoError(t, err)
	block := bytes.Repeat([]byte{1}, 64<<20)
	grown, err := Resident(pid)
	require.NoError(t, err)
	require.GreaterOrEqual(t, grown-resident, int64(60<<20))
	anonymous, err := Anonymous(pid)
	require.NoError(t, err)
	require.Greater(t, anonymous, int64(60<<20))
	require.Less(t, anonymous, grown)
	runtime.KeepAlive(block)
	peak, err := Peak(pid)
	require.NoError(t, err)
	require.GreaterOrEqual(t, peak, grown-(4<<20))
	after, err := Used(pid)
	require.NoError(t, err)
	since := after.Since(before)
	require.Positive(t, since.CPU)
	require.GreaterOrEqual(t, since.Voluntary, int64(0))

	file, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer file.Close()
	limit, open, err := FileLimit(pid)
	require.NoError(t, err)
	require.Greater(t, limit, open)
	require.Positive(t, open)
	ports, err := Ports()
	require.NoError(t, err)
	require.Positive(t, ports)
}

func TestNobody(t *testing.T) {
	const nobody = 1<<31 - 2 // above any pid_max
	_, err := Used(nobody)
	require.ErrorContains(t, err, "2147483646")
	_, err = Resident(nobody)
	require.ErrorIs(t, err, os.ErrNotExist)
}
