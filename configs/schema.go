package configs

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
)

// The keys are the koanf tags of Config and of what it holds. A struct is a
// section, a slice of structs a list, all else a value.

// key is one value or list of the schema.
type key struct {
	path string // dotted; [] stands for any entry of a list, as in listeners[].name
	typ  reflect.Type
}

// keys are all values and lists of the schema, in the order of the fields.
func keys() []key { return keysOf(reflect.TypeFor[Config](), "") }

func keysOf(t reflect.Type, path string) []key {
	var all []key
	for i := range t.NumField() {
		f := t.Field(i)
		at := join(path, f.Tag.Get("koanf"))
		switch f.Type.Kind() {
		case reflect.Struct:
			all = append(all, keysOf(f.Type, at)...)
		case reflect.Slice:
			all = append(all, key{at, f.Type})
			all = append(all, keysOf(f.Type.Elem(), at+"[]")...)
		default:
			all = append(all, key{at, f.Type})
		}
	}
	return all
}

// fieldOf is the field of section t with this key.
func fieldOf(t reflect.Type, name string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if f := t.Field(i); f.Tag.Get("koanf") == name {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// names are the keys of section t.
func names(t reflect.Type) string {
	all := make([]string, t.NumField())
	for i := range all {
		all[i] = t.Field(i).Tag.Get("koanf")
	}
	return strings.Join(all, ", ")
}

// join is the dotted path of a key in a section; the whole has the path "".
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// parent is the path of the section or list that holds path.
func parent(path string) string {
	if i := strings.LastIndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return ""
}

func entry(path string, index int) string { return fmt.Sprintf("%s[%d]", path, index) }

// typeName says in words what a value of type t is.
func typeName(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	zero := reflect.New(t)
	if c, ok := zero.Interface().(choice); ok {
		return strings.Join(c.allowed(), ", ")
	}
	switch zero.Interface().(type) {
	case *Size:
		return "size"
	case *Duration:
		return "duration"
	}
	switch t.Kind() {
	case reflect.Int:
		return "whole number"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "list"
	default:
		return "text"
	}
}

// unmarshalsText tells whether values of type t have a textual form of their own.
func unmarshalsText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}
