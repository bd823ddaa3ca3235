package configs

import "strconv"

// Kind is the layer that a value came from.
type Kind uint8

// The layers, later over earlier.
const (
	KindUnknown     Kind = iota
	KindDefault          // the embedded defaults
	KindFile             // the configuration file
	KindEnvironment      // a TROUPE_ variable
	KindFlag             // the command line
)

// Source is where a value was written.
type Source struct {
	Kind Kind
	Name string // path of the file, name of the variable, flag with its dashes; empty for a default
	Line int    // line in the file, from 1; 0: not known
}

// String is default, FILE:LINE, env VARIABLE or flag --NAME.
func (s Source) String() string {
	switch s.Kind {
	case KindDefault:
		return "default"
	case KindFile:
		if s.Line == 0 {
			return s.Name
		}
		return s.Name + ":" + strconv.Itoa(s.Line)
	case KindEnvironment:
		return "env " + s.Name
	case KindFlag:
		return "flag " + s.Name
	default:
		return "unknown"
	}
}

// Sources tells the source of every value, by dotted key as in
// listeners[0].address.
type Sources map[string]Source
