package configs

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write default.yaml and docs/configuration.md anew from the Config type")

// The reference and the default file are what the comments, types and defaults
// of Config make of them: neither can miss a key or tell an old default.
func TestReferenceIsComplete(t *testing.T) {
	compareFile(t, filepath.Join("..", "docs", "configuration.md"), reference(t))
}

func TestDefaultFileIsMadeFromDefaults(t *testing.T) {
	compareFile(t, "default.yaml", defaultText(t))
}

// What Load gives without a file is what a program starts from.
func TestDefaultFileHoldsDefaults(t *testing.T) {
	c, _, err := Load(Inputs{})
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(Defaults(), c))
}

func TestEveryFieldHasAKeyAndAComment(t *testing.T) {
	docs := comments(t)
	seen := map[string]string{}
	for _, k := range keys() {
		require.NotEmpty(t, docs[k.path], "%s has no comment", k.path)
		require.Regexp(t, `^[a-z0-9_.\[\]]+[a-z0-9]$`, k.path)
		v := variable(strings.ReplaceAll(k.path, "[]", "[0]"))
		require.Empty(t, seen[v], "%s and %s have one variable", seen[v], k.path)
		seen[v] = k.path
	}
}

// Each flag that AddFlags makes stands for a key or makes listeners.
func TestEveryFlagIsRead(t *testing.T) {
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	AddFlags(fs)
	fs.VisitAll(func(f *pflag.Flag) {
		require.Contains(t, reference(t), "`--"+f.Name+"`")
	})
	for _, f := range valueFlags() {
		require.True(t, func() bool {
			for _, k := range keys() {
				if k.path == f.path {
					return true
				}
			}
			return false
		}(), "--%s stands for %s, which is no key", f.name, f.path)
	}
}

func compareFile(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	if diff := cmp.Diff(want, strings.ReplaceAll(string(got), "\r\n", "\n")); diff != "" {
		t.Errorf("%s is not what Config makes of it; run go test ./configs -update\n%s", path, diff)
	}
}

type referenceSection struct {
	Title, Doc string
	Keys       []referenceKey
}

type referenceKey struct{ Path, Type, Default, Set, Doc string }

func reference(t *testing.T) string {
	docs := comments(t)
	var sections []*referenceSection
	for _, k := range keys() {
		title := strings.TrimSuffix(parent(k.path), "[]")
		if k.typ.Kind() == reflect.Slice {
			title = k.path
		} else if title == "" {
			title = "The instance"
		}
		i := slices.IndexFunc(sections, func(s *referenceSection) bool { return s.Title == title })
		if i < 0 {
			i = len(sections)
			sections = append(sections, &referenceSection{Title: title, Doc: docs[title]})
		}
		if k.typ.Kind() == reflect.Slice {
			continue // the section's own text says what it is
		}
		key := referenceKey{k.path, typeName(k.typ), "`" + defaultOf(k.path) + "`", "`" + variable(k.path) + "`", docs[k.path]}
		if _, isChoice := reflect.Zero(k.typ).Interface().(choice); isChoice {
			key.Type = "`" + strings.ReplaceAll(key.Type, ", ", "`, `") + "`"
		}
		if defaultOf(k.path) == "" {
			key.Default = "none"
		}
		for _, f := range valueFlags() {
			if f.path == k.path {
				key.Set += ", `--" + f.name + "`"
			}
		}
		switch k.path {
		case "listeners[].address":
			key.Set += ", `--" + listenFlag + "`"
		case "listeners[].allow_anonymous":
			key.Set += ", `--" + anonymousFlag + "`"
			key.Default = "`true` on loopback without `auth`"
		}
		sections[i].Keys = append(sections[i].Keys, key)
	}
	tmpl, err := template.ParseFiles(filepath.Join("testdata", "configuration.md.tmpl"))
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, tmpl.Execute(&out, map[string]any{"Sections": sections}))
	return out.String()
}

// defaultOf is the default of a key as text; of an entry's, that of a new entry.
func defaultOf(path string) string {
	v := reflect.ValueOf(Defaults())
	if end := strings.LastIndex(path, "[]."); end >= 0 {
		for _, k := range keys() {
			if k.path == path[:end] {
				v = entryDefaults(k.typ.Elem())
			}
		}
		path = path[end+len("[]."):]
	}
	for name := range strings.SplitSeq(path, ".") {
		f, _ := fieldOf(v.Type(), name)
		v = v.FieldByIndex(f.Index)
	}
	if v.Kind() == reflect.Pointer {
		return ""
	}
	return fmt.Sprint(v.Interface())
}

// defaultText is the default file: each key below its comment.
func defaultText(t *testing.T) string {
	docs := comments(t)
	var out strings.Builder
	out.WriteString("# All keys with their defaults, as they are embedded in the binary.\n" +
		"# Made from the Config type by: go test ./configs -update\n")
	written := map[string]bool{}
	sectionsOf := func(path, indent string) {
		var missing []string
		for p := parent(path); p != "" && !written[p]; p = parent(p) {
			missing = append([]string{p}, missing...)
		}
		for _, p := range missing {
			written[p] = true
			in := strings.Repeat("  ", strings.Count(p, "."))
			fmt.Fprintf(&out, "\n%s%s%s:\n", wrap(docs[p], in), in, p[strings.LastIndex(p, ".")+1:])
		}
	}
	for _, k := range keys() {
		if strings.Contains(k.path, "[]") {
			continue
		}
		indent := strings.Repeat("  ", strings.Count(k.path, "."))
		sectionsOf(k.path, indent)
		name := k.path[strings.LastIndex(k.path, ".")+1:]
		out.WriteString("\n" + wrap(docs[k.path], indent))
		if k.typ.Kind() != reflect.Slice {
			value := defaultOf(k.path)
			if value == "" {
				value = `""`
			}
			fmt.Fprintf(&out, "%s%s: %s\n", indent, name, value)
			continue
		}
		if name == "bridges" {
			out.WriteString("bridges: []\n")
			continue
		}
		out.WriteString(name + ":\n")
		l := Defaults().Listeners[0]
		for i, f := range []string{"name: " + l.Name, "address: " + l.Address, "transport: " + string(l.Transport), "# allow_anonymous: true"} {
			key := "listeners[]." + strings.TrimPrefix(strings.SplitN(f, ":", 2)[0], "# ")
			lead := "    "
			if i == 0 {
				lead = "  - "
			} else {
				out.WriteString(wrap(docs[key], "    "))
			}
			out.WriteString(lead + f + "\n")
		}
	}
	return out.String()
}

// wrap makes YAML comment lines of text.
func wrap(text, indent string) string {
	var out, line strings.Builder
	line.WriteString(indent + "#")
	for word := range strings.FieldsSeq(strings.ReplaceAll(text, "`", "")) {
		if line.Len()+1+len(word) > 80 {
			out.WriteString(line.String() + "\n")
			line.Reset()
			line.WriteString(indent + "#")
		}
		line.WriteString(" " + word)
	}
	return out.String() + line.String() + "\n"
}

// comments are those of the fields of Config and of what it holds, by path,
// with the key in place of the name of the field.
func comments(t *testing.T) map[string]string {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	types := map[string]*ast.StructType{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if s, ok := spec.Type.(*ast.StructType); ok {
					types[spec.Name.Name] = s
				}
			}
			return true
		})
	}
	docs := map[string]string{}
	var walk func(name, path string)
	walk = func(name, path string) {
		for _, f := range types[name].Fields.List {
			require.NotNil(t, f.Tag, "%s.%s has no koanf tag", name, f.Names[0])
			key := reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("koanf")
			require.NotEmpty(t, key, "%s.%s has no koanf tag", name, f.Names[0])
			doc := strings.Join(strings.Fields(f.Doc.Text()), " ")
			rest, ok := strings.CutPrefix(doc, f.Names[0].Name+" ")
			require.True(t, ok, "the comment of %s.%s does not start with its name", name, f.Names[0])
			at := join(path, key)
			docs[at] = "`" + key + "` " + rest
			switch typ := f.Type.(type) {
			case *ast.Ident:
				if types[typ.Name] != nil {
					walk(typ.Name, at)
				}
			case *ast.ArrayType:
				walk(typ.Elt.(*ast.Ident).Name, at+"[]")
			}
		}
	}
	walk("Config", "")
	return docs
}
