package peer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parse reads a definition strictly: a key that is not one of Definition's is an error, and every error names file and line.
func parse(file string, text []byte) (d Definition, err error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return d, fmt.Errorf("%s: is empty", file)
	} else if err != nil {
		return d, fmt.Errorf("%s: %s", file, plain(err))
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return d, fmt.Errorf("%s: must hold one definition and nothing behind it", file)
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return d, fmt.Errorf("%s:%d: must be a mapping of keys to values", file, root.Line)
	}
	lines := make(map[string]int)
	allowed := keys()
	for i := 0; i < len(root.Content); i += 2 {
		key := root.Content[i]
		if !slices.Contains(allowed, key.Value) {
			return d, fmt.Errorf("%s:%d: unknown key %q; known are %s", file, key.Line, key.Value, strings.Join(allowed, ", "))
		}
		lines[key.Value] = key.Line
	}
	if err := root.Decode(&d); err != nil {
		return d, fmt.Errorf("%s: %s", file, plain(err))
	}
	if err := d.Validate(); err != nil {
		return d, locate(file, lines, err)
	}
	return d, nil
}

// keys are those of a definition file.
func keys() (names []string) {
	for field := range reflect.TypeFor[Definition]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		names = append(names, name)
	}
	return names
}

// locate puts file and line before each complaint of Validate, which all begin with their key.
func locate(file string, lines map[string]int, err error) error {
	var located []error
	for _, complaint := range strings.Split(err.Error(), "\n") {
		key, _, _ := strings.Cut(complaint, ":")
		if line, ok := lines[key]; ok {
			located = append(located, fmt.Errorf("%s:%d: %s", file, line, complaint))
		} else {
			located = append(located, fmt.Errorf("%s: %s", file, complaint))
		}
	}
	return errors.Join(located...)
}

// plain is the library's error on one line, without its prefixes.
func plain(err error) string {
	var typed *yaml.TypeError
	if errors.As(err, &typed) {
		return strings.Join(typed.Errors, "; ")
	}
	return strings.TrimPrefix(err.Error(), "yaml: ")
}
