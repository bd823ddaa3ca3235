package report

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// none stands where there is no value.
const none = "-"

// count writes a number with its thousands apart: 5,005,004. Below 100 it has three digits that count.
func count(v float64) string {
	if math.Abs(v) < 100 && v != math.Trunc(v) {
		return digits(v)
	}
	s := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	start := len(s) % 3
	if v < 0 {
		start = (len(s)-1)%3 + 1
	}
	var b strings.Builder
	b.WriteString(s[:start])
	for i := start; i < len(s); i += 3 {
		if b.Len() > 0 && s[:i] != "-" {
			b.WriteByte(',')
		}
		b.WriteString(s[i : i+3])
	}
	return b.String()
}

// short writes a number in three digits and a letter: 5.01M.
func short(v float64) string {
	for _, u := range []struct {
		at   float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(v) >= u.at*0.9995 {
			return digits(v/u.at) + u.name
		}
	}
	return digits(v)
}

// digits writes three digits that count, and all of those before the point.
func digits(v float64) string {
	switch a := math.Abs(v); {
	case a == 0:
		return "0"
	case a >= 999.5:
		return count(v)
	case a >= 99.95:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case a >= 0.9995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case a >= 0.0005:
		return strconv.FormatFloat(v, 'f', 3, 64)
	default:
		return strconv.FormatFloat(v, 'g', 2, 64)
	}
}

// span writes nanoseconds in the unit that suits them: 132 µs.
func span(v float64) string {
	for _, u := range []struct {
		at   time.Duration
		name string
	}{{time.Second, "s"}, {time.Millisecond, "ms"}, {time.Microsecond, "µs"}} {
		if math.Abs(v) >= float64(u.at)*0.9995 {
			return digits(v/float64(u.at)) + " " + u.name
		}
	}
	return digits(v) + " ns"
}

// size writes bytes in the unit that suits them: 1.73 KiB.
func size(v float64) string {
	for _, u := range []struct {
		at   float64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if math.Abs(v) >= u.at*0.9995 {
			return digits(v/u.at) + " " + u.name
		}
	}
	return digits(v) + " B"
}

func times(v float64) string { return digits(v) + "×" }

func percent(v float64) string { return digits(100*v) + "%" }

// plural writes a number and what there are so many of: "1 round", "5 rounds".
func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(float64(n)) + " " + many
}

// whole writes a time without zeros at its end: 5s, 1m30s, 200ms.
func whole(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// show writes a spread's middle, and its ends if there are several rounds.
func (s spread) show(middle, end func(float64) string) (median, ends string) {
	if s.n == 0 {
		return none, ""
	}
	median = middle(s.median)
	if s.n > 1 {
		ends = between(end(s.min), end(s.max))
	}
	return median, ends
}

// between joins two ends, and says their unit once if it is the same: 4.90–5.11M.
func between(least, most string) string {
	unit := func(s string) string { return strings.TrimLeft(s, "0123456789.,-") }
	if u := unit(least); u == unit(most) {
		least = strings.TrimSuffix(least, u)
	}
	return least + "–" + most
}
