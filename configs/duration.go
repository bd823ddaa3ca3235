package configs

import (
	"fmt"
	"strings"
	"time"
)

// Duration is a length of time. As text: 500ms, 10s, 5m, 168h, 1h30m, or 0.
type Duration time.Duration

// ParseDuration reads a duration as [Duration] describes it. A number other
// than 0 needs its unit, and none is negative.
func ParseDuration(text string) (Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a duration; write 500ms, 10s, 5m or 2h", text)
	}
	return Duration(d), nil
}

// Std is d as package time has it.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String is the form of [time.Duration.String] without zeros at its end: 168h,
// not 168h0m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText is [Duration.String].
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is [ParseDuration].
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := ParseDuration(string(text))
	if err == nil {
		*d = v
	}
	return err
}
