package topic

// Match tells whether a Topic Filter, without `$share/ShareName/`, matches a
// Topic Name (section 4.7). Both must be valid. It is the plain definition that
// Index and Tree are held to; bytes are compared as they are, with no
// normalisation [MQTT-4.7.3-4].
func Match[T string | []byte](filter string, name T) bool { return matches(filter, view(name)) }

func matches(filter, name string) bool {
	if filter != "" && (filter[0] == '+' || filter[0] == '#') && name != "" && name[0] == '$' {
		return false // [MQTT-4.7.2-1]
	}
	at := 0 // in name
	for i := 0; i < len(filter); i++ {
		switch c := filter[i]; {
		case c == '#':
			return true
		case c == '+':
			for at < len(name) && name[at] != '/' {
				at++
			}
		case at == len(name):
			return filter[i:] == "/#" // matches its parent as well (section 4.7.1.2)
		case name[at] != c:
			return false
		default:
			at++
		}
	}
	return at == len(name)
}
