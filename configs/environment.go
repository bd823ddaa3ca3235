package configs

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/env/v2"
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
func environmentLayer(environ []string) (*layer, Problems) {
	var values, variables []string // keys that have one of their own; names for the nearest
	fields := make(map[string]string)
	for _, k := range keys() {
		list, field, inList := strings.Cut(k.path, "[].")
		switch {
		case inList:
			fields[strings.ToUpper(list+"."+field)] = field
			variables = append(variables, variable(list+"[0]."+field))
		case k.typ.Kind() != reflect.Slice:
			values = append(values, k.path)
			variables = append(variables, variable(k.path))
		}
	}
	item := regexp.MustCompile(`^TROUPE_LISTENERS_(0|[1-9][0-9]{0,3})_(.+)$`)

	l := &layer{places: make(map[string]Source), text: true}
	var problems Problems
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
			if m := item.FindStringSubmatch(name); m != nil {
				if field, ok := fields["LISTENERS."+m[2]]; ok {
					l.places[fmt.Sprintf("listeners[%s].%s", m[1], field)] = at
					return fmt.Sprintf("listeners.%s.%s", m[1], field), value
				}
			}
			text := "unknown variable; docs/configuration.md has those there are"
			if best := nearest(name, variables); best != "" {
				text = "unknown variable; did you mean " + best + "?"
			}
			problems = append(problems, &Problem{Source: at, Text: text})
			return "", nil
		},
	})
	l.raw, _ = provider.Read() // reads the slice given above: cannot fail
	slices.SortFunc(problems, func(a, b *Problem) int { return cmp.Compare(a.Source.Name, b.Source.Name) })
	return l, problems
}
