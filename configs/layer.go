package configs

import (
	"cmp"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// layer is what one source says: a file, the environment, the flags.
type layer struct {
	raw    map[string]any
	places map[string]Source // by path; what is not here has the place of what holds it
	whole  Source            // the place of all else
	text   bool              // values are text that is yet to be read, as in the environment
	wrong  Problems          // what was found before the values are read
	in     string            // the entry of a file's list that it is, as in instances[0]
}

// place is where the value at path was written.
func (l *layer) place(path string) Source {
	for ; path != ""; path = parent(path) {
		if s, ok := l.places[path]; ok {
			return s
		}
	}
	return l.whole
}

// reading turns a layer into values of the types of Config, and collects what
// is wrong with it. Values that are wrong are left out.
type reading struct {
	*layer
	lists    func(path string) []any // the entries so far, which a layer may change one by one
	sources  Sources                 // of all layers so far
	problems Problems
}

// read gives the layer's values, ready to be merged over those before it.
func (r *reading) read() map[string]any {
	values := r.section("", reflect.TypeFor[Config](), r.raw)
	slices.SortStableFunc(r.problems, func(a, b *Problem) int { return cmp.Compare(a.Source.Line, b.Source.Line) })
	return values
}

func (r *reading) problem(path, text string) {
	r.problems = append(r.problems, &Problem{Key: path, Source: r.place(path), Text: text})
}

func (r *reading) section(path string, t reflect.Type, raw map[string]any) map[string]any {
	values := make(map[string]any, len(raw))
	for _, name := range sortedKeys(raw) {
		at := join(path, name)
		f, known := fieldOf(t, name)
		if !known {
			r.problem(at, unknown(path, name, t))
			continue
		}
		switch f.Type.Kind() {
		case reflect.Struct:
			if m, ok := asMap(raw[name]); ok {
				values[name] = r.section(at, f.Type, m)
			} else {
				r.problem(at, describe(raw[name])+" is not a section; it holds "+names(f.Type))
			}
		case reflect.Slice:
			if list, ok := r.list(at, f.Type.Elem(), raw[name]); ok {
				values[name] = list
			}
		default:
			v, err := scalar(f.Type, raw[name], r.text)
			if err != nil && name == "password" && raw[name] != nil {
				err = errors.New("what is there is not text; put it in quotes") // and is not to be seen
			}
			if err != nil {
				r.problem(at, err.Error())
				continue
			}
			values[name] = v
			r.sources[at] = r.place(at)
		}
	}
	return values
}

// list reads a list, which replaces the one of earlier layers, or changes to
// single entries of theirs, which come as a map by index.
func (r *reading) list(path string, t reflect.Type, raw any) ([]any, bool) {
	if changes, ok := raw.(map[string]any); ok && r.text {
		return r.changes(path, t, changes), true
	}
	items, ok := raw.([]any)
	if !ok {
		r.problem(path, describe(raw)+" is not a list; each entry holds "+names(t))
		return nil, false
	}
	r.sources.drop(path)
	r.sources[path] = r.place(path)
	list := []any{}
	for i, item := range items {
		at := entry(path, i)
		if word, ok := item.(string); ok && shortKey(t) != "" {
			item = map[string]any{shortKey(t): word}
		}
		m, ok := asMap(item)
		if !ok || item == nil {
			r.problem(at, describe(item)+" is not an entry; "+orText(t)+"it holds "+names(t))
			m = nil // keeps the numbers of the others
		}
		list = append(list, r.entry(at, t, m, newEntry(t)))
	}
	return list, true
}

// shortKey is the key of an entry that may be written as that text alone.
func shortKey(t reflect.Type) string {
	if t == reflect.TypeFor[Upstream]() {
		return "uri"
	}
	return ""
}

func orText(t reflect.Type) string {
	if key := shortKey(t); key != "" {
		return "it is the text of " + key + ", or "
	}
	return ""
}

func (r *reading) changes(path string, t reflect.Type, changes map[string]any) []any {
	list := slices.Clone(r.lists(path))
	indexes := sortedKeys(changes)
	slices.SortFunc(indexes, func(a, b string) int { return cmp.Compare(number(a), number(b)) })
	for _, index := range indexes {
		i, at := number(index), entry(path, number(index))
		m, _ := asMap(changes[index])
		switch {
		case i < len(list):
			before, _ := asMap(list[i])
			list[i] = r.entry(at, t, m, before)
		case i == len(list):
			list = append(list, r.entry(at, t, m, newEntry(t)))
		default:
			r.problem(join(at, sortedKeys(m)[0]), "there is no such entry; the next one is "+entry(path, len(list)))
		}
	}
	return list
}

func (r *reading) entry(path string, t reflect.Type, raw, before map[string]any) map[string]any {
	values := merged(before, r.section(path, t, raw))
	if _, ok := r.sources[path]; !ok {
		r.sources[path] = r.place(path)
	}
	return values
}

// merged lays the values of a section over those before them.
func merged(before, over map[string]any) map[string]any {
	values := maps.Clone(before)
	if values == nil {
		values = make(map[string]any, len(over))
	}
	for name, v := range over {
		below, _ := values[name].(map[string]any)
		if above, ok := v.(map[string]any); ok && below != nil {
			v = merged(below, above)
		}
		values[name] = v
	}
	return values
}

// newEntry is an entry of a list of t before its own fields are read.
func newEntry(t reflect.Type) map[string]any { return valuesOf(entryDefaults(t)) }

// valuesOf are the values of section v that are not zero.
func valuesOf(v reflect.Value) map[string]any {
	values := make(map[string]any)
	for i := range v.NumField() {
		name, f := v.Type().Field(i).Tag.Get("koanf"), v.Field(i)
		switch {
		case f.IsZero():
		case f.Kind() == reflect.Struct:
			values[name] = valuesOf(f)
		default:
			values[name] = f.Interface()
		}
	}
	return values
}

func number(index string) int {
	n, _ := strconv.Atoi(index) // digits alone, as the environment was read
	return n
}
