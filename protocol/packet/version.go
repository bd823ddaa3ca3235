package packet

import "strconv"

// Version is the Protocol Level byte of CONNECT (section 3.1.2.2).
type Version uint8

// The versions that the package speaks.
const (
	V31  Version = 3 // MQTT 3.1
	V311 Version = 4 // MQTT 3.1.1
	V5   Version = 5 // MQTT 5.0
)

// String gives the version as people write it, such as "3.1.1".
func (v Version) String() string {
	switch v {
	case V31:
		return "3.1"
	case V311:
		return "3.1.1"
	case V5:
		return "5.0"
	}
	return "level " + strconv.Itoa(int(v))
}

// hasProperties tells the packet layout of MQTT 5.0 from the earlier one.
func (v Version) hasProperties() bool { return v >= V5 }
