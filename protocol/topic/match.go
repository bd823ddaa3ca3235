package topic

import "strings"

// Match tells whether a Topic Filter, without `$share/ShareName/`, matches a
// Topic Name (section 4.7). Both must be valid. It is the plain definition that
// Index and Tree are held to; bytes are compared as they are, with no
// normalisation [MQTT-4.7.3-4].
func Match[T string | []byte](filter string, name T) bool { return matches(filter, view(name)) }

func matches(filter, name string) bool {
	if strings.HasPrefix(name, "$") && filter != "" && (filter[0] == '+' || filter[0] == '#') {
		return false // [MQTT-4.7.2-1]
	}
	for {
		if filter == "#" {
			return true
		}
		wanted, filterRest, filterMore := strings.Cut(filter, "/")
		level, nameRest, nameMore := strings.Cut(name, "/")
		if wanted != "+" && wanted != level {
			return false
		}
		if !nameMore {
			// `a/#` matches its parent `a` as well (section 4.7.1.2).
			return !filterMore || filterRest == "#"
		}
		if !filterMore {
			return false
		}
		filter, name = filterRest, nameRest
	}
}
