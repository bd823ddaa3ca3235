package configs

import (
	"cmp"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/env/v2"

	"github.com/troupemq/troupe/internal/spelling"
)

// prefix is what the names of our environment variables start with.
const prefix = "TROUPE_"

// variable is the name of the environment variable of a key: in capitals, with
// _ for the dots and the number of the entry for [], which stays as <n> where
// the key has none.
func variable(path string) string {
	path = strings.NewReplacer("[]", "_<n>", "[", "_", "]", "", ".", "_").Replace(path)
	return prefix + strings.ReplaceAll(strings.ToUpper(path), "<N>", "<n>")
}

// serviceLink tells the variables that Kubernetes gives each container for a
// service whose name starts with troupe; they are not meant for us.
func serviceLink(name string) bool {
	return regexp.MustCompile(`^TROUPE_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`).MatchString(name)
}

// environmentLayer reads the TROUPE_ variables of environ, which has the form
// of os.Environ. A variable that is empty counts as not set.
func environmentLayer(environ []string) *layer {
	var values, variables []string // keys that have one of their own; names for the nearest
	var fields []*entryField
	for _, k := range keys() {
		switch {
		case k.typ.Kind() == reflect.Slice:
		case strings.Contains(k.path, "[]"):
			fields = append(fields, &entryField{path: k.path})
			variables = append(variables, variable(strings.ReplaceAll(k.path, "[]", "[0]")))
		default:
			values = append(values, k.path)
			variables = append(variables, variable(k.path))
		}
	}

	l := &layer{places: make(map[string]Source), text: true}
	provider := env.Provider(".", env.Opt{
		Prefix:      prefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			at := Source{Kind: KindEnvironment, Name: name}
			if value == "" || serviceLink(name) {
				return "", nil
			}
			for _, path := range values {
				if variable(path) == name {
					l.places[path] = at
					return path, value
				}
			}
			for _, f := range fields {
				if path, ok := f.of(name); ok {
					l.places[path] = at
					return strings.NewReplacer("[", ".", "]", "").Replace(path), value
				}
			}
			text := "unknown variable; docs/configuration.md has those there are"
			if best := spelling.Nearest(name, variables); best != "" {
				text = "unknown variable; did you mean " + best + "?"
			}
			l.wrong = append(l.wrong, &Problem{Source: at, Text: text})
			return "", nil
		},
	})
	l.raw, _ = provider.Read() // reads the slice given above: cannot fail
	slices.SortFunc(l.wrong, func(a, b *Problem) int { return cmp.Compare(a.Source.Name, b.Source.Name) })
	return l
}

// entryField is a key of list entries, which has a variable for each entry.
type entryField struct {
	path string
	name *regexp.Regexp // of the variables; made when there is one that may be of them
}

// of is the path of the key with the numbers of entries that a variable names.
func (f *entryField) of(name string) (path string, ok bool) {
	if f.name == nil {
		f.name = regexp.MustCompile("^" + strings.ReplaceAll(variable(f.path), "<n>", "(0|[1-9][0-9]{0,3})") + "$")
	}
	found := f.name.FindStringSubmatch(name)
	if found == nil {
		return "", false
	}
	path = f.path
	for _, number := range found[1:] {
		path = strings.Replace(path, "[]", "["+number+"]", 1)
	}
	return path, true
}
