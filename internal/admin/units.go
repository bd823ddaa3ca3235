package admin

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/troupemq/troupe/configs"
)

// bytesText is an amount of bytes, for people.
func bytesText(n int64) string { return configs.Size(n).About() }

// amountText is an amount with its unit: bytes in powers of 1024, others in whole numbers
// with commas.
func amountText(n float64, unit string) string {
	switch unit {
	case "bytes":
		return bytesText(int64(n))
	case "bytes/s":
		return bytesText(int64(n)) + "/s"
	case "messages/s":
		if n > 0 && n < 10 {
			return strconv.FormatFloat(n, 'f', 1, 64)
		}
	}
	return countText(int64(math.Round(n)))
}

// countText is a number with commas between thousands.
func countText(n int64) string {
	text := strconv.FormatInt(n, 10)
	first := 0
	if n < 0 {
		first = 1
	}
	for i := len(text) - 3; i > first; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// countOf is a number with its noun.
func countOf(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return countText(n) + " " + many
}

// spanText is how long something took, in its two largest units.
func spanText(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = max(0, d).Round(time.Second); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 10*time.Minute:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < day:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%d d %d h", d/day, d%day/time.Hour)
}

// moment is a time that a page shows.
type moment struct{ time.Time }

// Stamp is for machines.
func (m moment) Stamp() string { return m.Format(time.RFC3339) }

// String is for people.
func (m moment) String() string { return m.Local().Format("2 Jan 2006 15:04:05 MST") }

// syllables are the pieces of a key, between which a line may end.
func syllables(key string) []string {
	return strings.FieldsFunc(strings.NewReplacer(".", ".\x00", "_", "_\x00").Replace(key), func(r rune) bool { return r == 0 })
}
