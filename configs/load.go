package configs

import (
	_ "embed"
	"reflect"
	"strconv"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

//go:embed default.yaml
var defaultFile string

// Inputs are where Load takes values from, besides the embedded defaults. The
// zero value reads nothing else.
type Inputs struct {
	// File is the path of a .yaml, .yml, .toml or .json file. Empty: none.
	File string
	// Environ are variables as os.Environ has them.
	Environ []string
	// Flags are parsed flags, to which AddFlags added its own. Nil: none.
	Flags *pflag.FlagSet
}

// Load lays the embedded defaults, the file, the environment and the flags over
// each other, later over earlier, and validates the result. An error is
// [Problems] and holds all that was found, not the first alone. Sources has an
// entry for every value of the Config. A file with a list `instances` is for
// [LoadAll].
func Load(in Inputs) (Config, Sources, error) {
	var layers []*layer
	if in.File != "" {
		l, err := fileLayer(in.File)
		if err != nil {
			return Config{}, nil, err
		}
		if _, list := l.raw[instancesKey]; list {
			return Config{}, nil, Problems{{Key: instancesKey, Source: l.place(instancesKey), Text: "several instances are not allowed here; name a file that holds one"}}
		}
		layers = append(layers, l)
	}
	s := newStack()
	for _, l := range append(layers, in.layers()...) {
		s.add(l)
	}
	c, problems := s.config()
	if err := problems.err(); err != nil {
		return Config{}, nil, err
	}
	return c, s.sources, nil
}

// layers are those that are not files.
func (in *Inputs) layers() []*layer {
	layers := []*layer{environmentLayer(in.Environ)}
	if in.Flags != nil {
		layers = append(layers, flagsLayer(in.Flags))
	}
	return layers
}

// stack is layers that lie over each other.
type stack struct {
	k        *koanf.Koanf
	layers   []*layer
	sources  Sources
	problems Problems
}

// newStack has the embedded defaults alone.
func newStack() *stack {
	s := &stack{k: koanf.New("."), sources: make(Sources)}
	defaults, err := textLayer(parseYAML, []byte(defaultFile), Source{Kind: KindDefault})
	if err != nil {
		s.problems = append(s.problems, &Problem{Text: err.Error()}) // the tests read this file
		return s
	}
	defaults.places = nil // the lines of the embedded file tell nobody anything
	s.add(defaults)
	return s
}

// add lays a layer over those before it.
func (s *stack) add(l *layer) {
	lists := func(path string) []any {
		list, _ := valueAt(s.k.Raw(), path).([]any)
		return list
	}
	r := reading{layer: l, lists: lists, sources: s.sources}
	values := r.read()
	s.problems = append(append(s.problems, l.wrong...), r.problems...)
	s.layers = append(s.layers, l)
	s.set(l.whole, values)
}

// set lays values over those before them.
func (s *stack) set(whole Source, values map[string]any) {
	if err := s.k.Load(confmap.Provider(values, ""), nil); err != nil {
		s.problems = append(s.problems, &Problem{Source: whole, Text: err.Error()})
	}
}

// config is what applies, and all that is wrong with it. Without problems, or with
// those of files alone, every value has a source.
func (s *stack) config() (Config, Problems) {
	var c Config
	if err := s.k.Unmarshal("", &c); err != nil {
		return Config{}, append(s.problems, &Problem{Text: err.Error()})
	}
	c.Bridges = orNone(c.Bridges)
	for i := range c.Bridges {
		b := &c.Bridges[i]
		b.Upstreams, b.Forward, b.Receive = orNone(b.Upstreams), orNone(b.Forward), orNone(b.Receive)
	}
	problems := append(s.problems, validated(&c, s.sources, s.problems)...)
	if len(problems) == 0 || OfFiles(problems) {
		s.sources.fill(c)
	}
	return c, problems
}

// orNone is nil for a list without entries, so that no two of those differ.
func orNone[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

// validated is what Validate finds, with the sources, save for values that were
// found wrong before and left out, and what these hold.
func validated(c *Config, sources Sources, before Problems) Problems {
	known := make(map[string]bool)
	for _, p := range before {
		known[p.Key] = true
	}
	found, _ := c.Validate().(Problems)
	var problems Problems
	for _, p := range found {
		wrong := false
		for at := p.Key; at != ""; at = parent(at) {
			wrong = wrong || known[at]
		}
		if !wrong {
			at := p.Key
			if _, written := sources[at]; !written && p.blame != "" {
				at = p.blame
			}
			p.Source = sources.of(at)
			problems = append(problems, p)
		}
	}
	return problems
}

// of is where the value at path was written, or what holds it.
func (s Sources) of(path string) Source {
	for ; path != ""; path = parent(path) {
		if at, ok := s[path]; ok {
			return at
		}
	}
	return Source{Kind: KindDefault}
}

// drop forgets the entries of a list, which another replaces.
func (s Sources) drop(list string) {
	for path := range s {
		if strings.HasPrefix(path, list+"[") {
			delete(s, path)
		}
	}
}

// fill gives a source to every value that no layer has written, such as the
// transport of a listener that does not name one.
func (s Sources) fill(c Config) { s.fillFrom(reflect.ValueOf(c), "") }

func (s Sources) fillFrom(v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			s.fillFrom(v.Field(i), join(path, v.Type().Field(i).Tag.Get("koanf")))
		}
		return
	case reflect.Slice:
		for i := range v.Len() {
			s.fillFrom(v.Index(i), entry(path, i))
		}
	}
	if _, ok := s[path]; !ok {
		s[path] = Source{Kind: KindDefault}
	}
}

// valueAt is what values hold at a path, such as bridges[0].upstreams; nil: nothing.
func valueAt(values any, path string) any {
	for part := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		switch v := values.(type) {
		case map[string]any:
			values = v[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(v) {
				return nil
			}
			values = v[i]
		default:
			return nil
		}
	}
	return values
}
