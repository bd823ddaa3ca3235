package configs

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes. As text: 512B, 64KiB, 1MiB, 2GiB, 1TiB, or the
// bare number of bytes.
type Size int64

// Units of Size.
const (
	Byte Size = 1
	KiB       = 1024 * Byte
	MiB       = 1024 * KiB
	GiB       = 1024 * MiB
	TiB       = 1024 * GiB
)

type sizeUnit struct {
	name string
	size Size
}

// sizeUnits from the largest to the smallest, so that B comes after the others
// that end with it.
func sizeUnits() []sizeUnit {
	return []sizeUnit{{"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}, {"B", Byte}}
}

// ParseSize reads a size as [Size] describes it. Decimal units (kB, MB) are
// refused: they are read as both 1000 and 1024 in the field.
func ParseSize(text string) (Size, error) {
	number, unit := text, Byte
	for _, u := range sizeUnits() {
		if rest, ok := strings.CutSuffix(text, u.name); ok {
			number, unit = strings.TrimRight(rest, " "), u.size
			break
		}
	}
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil || n > uint64(math.MaxInt64/unit) {
		return 0, fmt.Errorf("%q is not a size; write bytes or a whole number with B, KiB, MiB, GiB or TiB", text)
	}
	return Size(n) * unit, nil
}

// String is the shortest exact form: 64KiB, 1000B, 0B.
func (s Size) String() string {
	for _, u := range sizeUnits() {
		if s != 0 && s%u.size == 0 {
			return strconv.FormatInt(int64(s/u.size), 10) + u.name
		}
	}
	return "0B"
}

// About is the size for people, in the largest unit that it has one of, and exact
// to one digit behind the point: 23.5 GiB, 512 B. ParseSize does not read it.
func (s Size) About() string {
	const units = "KMGTPE"
	value, unit := float64(s), -1
	for value >= 1024 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	if unit < 0 {
		return strconv.FormatInt(int64(s), 10) + " B"
	}
	return fmt.Sprintf("%.1f %ciB", value, units[unit])
}

// MarshalText is [Size.String].
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is [ParseSize].
func (s *Size) UnmarshalText(text []byte) error {
	v, err := ParseSize(string(text))
	if err == nil {
		*s = v
	}
	return err
}
