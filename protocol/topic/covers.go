package topic

import "strings"

// Covers tells whether Topic Filter a matches every Topic Name that b matches.
// Both are without `$share/ShareName/`.
func Covers(a, b string) bool {
	if hides(b, a) {
		return false
	}
	// A name has a character, so that these two do not match a parent of theirs.
	switch b {
	case "#":
		b = "+/#"
	case "/#":
		b = "/+/#"
	}
	for {
		levelA, restA, moreA := strings.Cut(a, "/")
		levelB, restB, moreB := strings.Cut(b, "/")
		switch {
		case levelA == "#":
			return true
		case levelB == "#", levelA != "+" && levelA != levelB:
			return false
		case !moreB: // `a/#` matches its parent `a` as well
			return !moreA || restA == "#"
		case !moreA:
			return false
		}
		a, b = restA, restB
	}
}
