package bench

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed workloads/*.yaml
var library embed.FS

// Workloads are those that come with the package, in the order of their names.
func Workloads() []Workload {
	paths, err := fs.Glob(library, "workloads/*.yaml")
	if err != nil {
		return nil // the pattern is right
	}
	var all []Workload
	for _, path := range paths {
		text, err := library.ReadFile(path)
		if err != nil {
			continue // it was just listed
		}
		if w, err := decode(path, text); err == nil { // a test decodes them all
			all = append(all, w)
		}
	}
	slices.SortFunc(all, func(a, b Workload) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// LoadWorkload returns the one of Workloads with that name, or reads the file: what has a slash in it or ends with .yaml or
// .yml is a path. Errors name file, line and key, or the names that there are.
func LoadWorkload(nameOrPath string) (Workload, error) {
	extension := filepath.Ext(nameOrPath)
	if strings.ContainsAny(nameOrPath, `/\`) || extension == ".yaml" || extension == ".yml" {
		text, err := os.ReadFile(nameOrPath)
		if err != nil {
			return Workload{}, fmt.Errorf("workload: %w", err)
		}
		return decode(nameOrPath, text)
	}
	var names []string
	for _, w := range Workloads() {
		if strings.EqualFold(w.Name, nameOrPath) {
			return w, nil
		}
		names = append(names, w.Name)
	}
	return Workload{}, fmt.Errorf("workload %q is not known; there are %s, or give the path of a file that ends with .yaml",
		nameOrPath, strings.Join(names, ", "))
}

// decode reads a workload file. It knows the fields of Workload and no others.
func decode(path string, text []byte) (Workload, error) {
	var w Workload
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	switch err := d.Decode(&w); {
	case errors.Is(err, io.EOF):
		return Workload{}, fmt.Errorf("workload %s: the file is empty", path)
	case err != nil:
		return Workload{}, fmt.Errorf("workload %s: %s", path, explain(err))
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return Workload{}, fmt.Errorf("workload %s: more than one document", path)
	}
	if err := w.Validate(); err != nil {
		return Workload{}, fmt.Errorf("%s: %w", path, err)
	}
	return w, nil
}

var unknownKey = regexp.MustCompile(`field (\S+) not found in type bench\.(\S+)`)

// explain words what the YAML library says in the terms of a workload file.
func explain(err error) string {
	text := err.Error()
	var types *yaml.TypeError
	if errors.As(err, &types) {
		text = strings.Join(types.Errors, "; ")
	}
	text = unknownKey.ReplaceAllStringFunc(text, func(s string) string {
		m := unknownKey.FindStringSubmatch(s)
		return fmt.Sprintf("unknown key %q of a %s", m[1], strings.ToLower(m[2]))
	})
	return strings.TrimPrefix(text, "yaml: ")
}
