package admin

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestUnits(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567", 123456: "123,456", -100: "-100"} {
		require.Equal(t, want, countText(n))
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 25270682: "24.1 MiB", 1 << 62: "4.0 EiB"} {
		require.Equal(t, want, bytesText(n))
	}
	require.Equal(t, "2.0 KiB/s", amountText(2048, "bytes/s"))
	require.Equal(t, "1.5", amountText(1.5, "messages/s"))
	require.Equal(t, "1,200", amountText(1200.4, "messages/s"))
	require.Equal(t, "2", amountText(2, "connections"))
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 400 * time.Millisecond: "0 s", 59*time.Second + 600*time.Millisecond: "1 min 0 s", 125 * time.Second: "2 min 5 s",
		35 * time.Minute: "35 min", 3*time.Hour + 12*time.Minute: "3 h 12 min", 50 * time.Hour: "2 d 2 h",
	} {
		require.Equal(t, want, spanText(d))
	}
	require.Equal(t, []string{"limits.", "max_", "connections"}, syllables("limits.max_connections"))
}
