package configs

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// scalar reads raw as a value of type t. With text, raw is a string that is
// read by t's own rules; without, a string is no number.
func scalar(t reflect.Type, raw any, text bool) (any, error) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if raw == nil {
		return nil, errors.New("no value; give one, or leave the key out for its default")
	}
	v := reflect.New(t)
	s, isText := raw.(string)
	if unmarshalsText(t) {
		if n, ok := whole(raw); ok {
			if t == reflect.TypeFor[Duration]() && n != 0 {
				return nil, fmt.Errorf("%d has no unit; write %ds, %dm or %dh", n, n, n, n)
			}
			s, isText = strconv.FormatInt(n, 10), true
		}
		if !isText {
			return nil, wrongType(t, raw)
		}
		if err := v.Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s)); err != nil {
			return nil, err
		}
		return v.Elem().Interface(), nil
	}
	switch t.Kind() {
	case reflect.String:
		if n, ok := whole(raw); ok && offersNumbers(v.Interface()) {
			s, isText = strconv.FormatInt(n, 10), true // such as `qos: 1`
		}
		if !isText {
			return nil, wrongType(t, raw)
		}
		v.Elem().SetString(s)
	case reflect.Bool:
		b, ok := raw.(bool)
		if text {
			b, ok = s == "true", s == "true" || s == "false"
		}
		if !ok {
			return nil, wrongType(t, raw)
		}
		v.Elem().SetBool(b)
	default:
		n, ok := whole(raw)
		if text {
			var err error
			n, err = strconv.ParseInt(s, 10, 0)
			ok = err == nil
		}
		if !ok || v.Elem().OverflowInt(n) {
			return nil, wrongType(t, raw)
		}
		v.Elem().SetInt(n)
	}
	return v.Elem().Interface(), nil
}

// offersNumbers tells whether v is a choice with a number among its words.
func offersNumbers(v any) bool {
	c, ok := v.(choice)
	return ok && slices.ContainsFunc(c.allowed(), func(word string) bool { return strings.Trim(word, "0123456789") == "" })
}

func wrongType(t reflect.Type, raw any) error {
	switch t.Kind() {
	case reflect.Bool:
		return fmt.Errorf("%s is not true or false", describe(raw))
	case reflect.String:
		switch raw.(type) {
		case []any, map[string]any, map[any]any:
			return fmt.Errorf("%s is not text", describe(raw))
		}
		return fmt.Errorf("%s is not text; put it in quotes", describe(raw))
	default:
		return fmt.Errorf("%s is not a %s", describe(raw), typeName(t))
	}
}

// whole is the number that the parsers of YAML, TOML and JSON made, if it has
// no fraction. JSON has no other numbers than float64.
func whole(raw any) (int64, bool) {
	switch n := raw.(type) {
	case int:
		return int64(n), true
	case int64:
		return n, true
	case uint64:
		return int64(n), n <= math.MaxInt64
	case float64:
		return int64(n), n == math.Trunc(n) && math.Abs(n) < 1<<53
	default:
		return 0, false
	}
}

// describe names a value as it was written, without the credentials of a URI, or
// says what it is.
func describe(raw any) string {
	switch v := raw.(type) {
	case nil:
		return "no value"
	case string:
		return strconv.Quote(withoutCredentials(v))
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		return "a list"
	case map[string]any, map[any]any:
		return "a section"
	default:
		return fmt.Sprint(v)
	}
}

// asMap is raw as a section. A section with nothing in it, such as one whose
// keys are all commented out, is an empty one.
func asMap(raw any) (map[string]any, bool) {
	switch m := raw.(type) {
	case nil:
		return nil, true
	case map[string]any:
		return m, true
	case map[any]any: // YAML, when a key is not text
		texts := make(map[string]any, len(m))
		for k, v := range m {
			texts[fmt.Sprint(k)] = v
		}
		return texts, true
	default:
		return nil, false
	}
}

func sortedKeys(m map[string]any) []string {
	all := make([]string, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}
