package topic

import (
	"strings"
	"unicode/utf8"
	"unsafe"
)

// MaxLength is the length of the longest Topic Name and Topic Filter, in bytes.
const MaxLength = 65535

const sharePrefix = "$share/"

// ValidateName judges a Topic Name. A non-nil error is an [*Error].
func ValidateName[T string | []byte](name T) error {
	s := view(name)
	if err := validateString(s); err != nil {
		return err
	}
	if hasWildcard(s) {
		return ErrWildcard // [MQTT-4.7.0-1]
	}
	return nil
}

// ValidateFilter judges a Topic Filter, or a whole `$share/ShareName/filter`.
// A non-nil error is an [*Error].
func ValidateFilter[T string | []byte](filter T) error {
	_, _, err := ParseFilter(view(filter))
	return err
}

// ParseFilter validates a Topic Filter and, if it is that of a Shared
// Subscription, takes it apart. share is empty for any other subscription, rest
// is what Topic Names are matched against; both are parts of filter.
func ParseFilter(filter string) (share, rest string, err error) {
	if err := validateString(filter); err != nil {
		return "", "", err
	}
	share, rest, shared := cutShare(filter)
	if shared {
		if share == "" {
			return "", "", ErrShareName // [MQTT-4.8.2-1]
		}
		if rest == "" || hasWildcard(share) {
			return "", "", ErrShareFilter // [MQTT-4.8.2-2]
		}
	}
	if err := validateWildcards(rest); err != nil {
		return "", "", err
	}
	return share, rest, nil
}

// cutShare takes a filter apart without judging it. `$share` without a
// separator is an ordinary first level.
func cutShare(filter string) (share, rest string, shared bool) {
	tail, shared := strings.CutPrefix(filter, sharePrefix)
	if !shared {
		return "", filter, false
	}
	share, rest, _ = strings.Cut(tail, "/")
	return share, rest, true
}

func validateString(s string) error {
	switch {
	case s == "":
		return ErrEmpty // [MQTT-4.7.3-1]
	case len(s) > MaxLength:
		return ErrTooLong // [MQTT-4.7.3-3]
	case strings.IndexByte(s, 0) >= 0:
		return ErrNull // [MQTT-4.7.3-2]
	case !utf8.ValidString(s):
		return ErrEncoding // [MQTT-1.5.4-1]
	}
	return nil
}

func validateWildcards(filter string) error {
	if !hasWildcard(filter) {
		return nil
	}
	for i := range len(filter) {
		c := filter[i]
		if c != '+' && c != '#' {
			continue
		}
		starts := i == 0 || filter[i-1] == '/'
		last := i == len(filter)-1
		if c == '#' && !(starts && last) {
			return ErrMultiLevel // [MQTT-4.7.1-1]
		}
		if c == '+' && !(starts && (last || filter[i+1] == '/')) {
			return ErrSingleLevel // [MQTT-4.7.1-2]
		}
	}
	return nil
}

// HasWildcard tells whether a Topic Filter stands for more than one Topic Name.
func HasWildcard(filter string) bool { return hasWildcard(filter) }

func hasWildcard(s string) bool {
	return strings.IndexByte(s, '+') >= 0 || strings.IndexByte(s, '#') >= 0
}

// view is b as a string that shares its bytes: for looking at, never for keeping.
func view[T string | []byte](b T) string {
	if bytes, ok := any(b).([]byte); ok {
		return unsafe.String(unsafe.SliceData(bytes), len(bytes))
	}
	return string(b)
}
