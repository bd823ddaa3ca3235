package troupe_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/troupemq/troupe"

// rooms in the one direction of imports: a package imports from its own room
// and from those before it. The order is that of the picture in
// ARCHITECTURE.md.
var rooms = [][]string{{"protocol"}, {"persistence"}, {"internal", "configs"}, {"actors"}, {"bridge"}, {"troupe"}, {"instances", "troupetest"}, {"cmd", "bench", "examples"}}

// impure is what of the standard library the room protocol must not import, to
// stay without network, files, clock, scheduler and logger.
var impure = []string{"context", "crypto/rand", "io", "io/fs", "log", "log/slog", "math/rand", "math/rand/v2", "net", "os", "runtime", "sync", "syscall", "time"}

// TestImports holds the code to the tables of ARCHITECTURE.md: an import that
// they do not allow fails, and so does one that they allow and nobody makes.
func TestImports(t *testing.T) {
	allowed, libraries := readArchitecture(t)
	seen := make(map[string]bool) // "package import" of code that is no test
	for _, file := range sources(t) {
		from, ok := allowed[file.owner]
		if !ok {
			t.Errorf("%s: package %s has no row in the table of imports of ARCHITECTURE.md", file.name, file.owner)
			continue
		}
		for _, path := range file.imports {
			to, known := nameOf(path, libraries)
			switch {
			case to == "":
				if room(file.owner) == 0 && !file.test && slices.Contains(impure, path) {
					t.Errorf("%s: package %s must stay pure, and imports %q", file.name, file.owner, path)
				}
			case !known:
				t.Errorf("%s: %q is of no module in the table of dependencies", file.name, path)
			case file.test && (libraries[to].tests || ours(path) && room(to) <= room(file.owner)):
			case file.test && slices.Contains(neighbours(allowed, file.owner), to):
			case !slices.Contains(from, to):
				t.Errorf("%s: package %s must not import %q", file.name, file.owner, path)
			case !file.test:
				seen[file.owner+" "+to] = true
			}
		}
	}
	for owner, imports := range allowed {
		for _, to := range imports {
			if !seen[owner+" "+to] {
				t.Errorf("ARCHITECTURE.md: %s may import %s, and does not", owner, to)
			}
			if _, library := libraries[to]; !library && room(to) > room(owner) {
				t.Errorf("ARCHITECTURE.md: %s may import %s, which is against the one direction", owner, to)
			}
		}
	}
}

// TestDependencies holds the list of dependencies to the requirements of go.mod.
func TestDependencies(t *testing.T) {
	_, libraries := readArchitecture(t)
	var listed []string
	for _, l := range libraries {
		listed = append(listed, l.modules...)
	}
	text, err := os.ReadFile("go.mod")
	require.NoError(t, err)
	var required []string
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) == 2 && strings.HasPrefix(words[1], "v") {
			required = append(required, words[0])
		}
	}
	require.ElementsMatch(t, required, listed, "go.mod requires the first list, ARCHITECTURE.md has the second")
}

// neighbours is what the packages below the same folder may import, together.
func neighbours(allowed map[string][]string, owner string) (imports []string) {
	folder, _, _ := strings.Cut(owner, "/")
	for other, theirs := range allowed {
		if first, _, _ := strings.Cut(other, "/"); first == folder {
			imports = append(imports, theirs...)
		}
	}
	return imports
}

// library is a dependency: one or more modules under one name.
type library struct {
	modules []string
	tests   bool // for tests alone
}

// readArchitecture reads the two tables of ARCHITECTURE.md: what each package
// may import, and the modules behind the names of dependencies.
func readArchitecture(t *testing.T) (allowed map[string][]string, libraries map[string]library) {
	t.Helper()
	text, err := os.ReadFile("ARCHITECTURE.md")
	require.NoError(t, err)
	allowed, libraries = make(map[string][]string), make(map[string]library)
	section := ""
	for line := range strings.Lines(string(text)) {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.TrimSpace(title)
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "| `") || len(cells) != 3 {
			continue
		}
		switch section {
		case "Who may import what":
			owner := code(cells[0])[0]
			require.NotContains(t, allowed, owner, "the package has two rows")
			allowed[owner] = append(code(cells[1]), code(cells[2])...)
		case "Dependencies":
			name := code(cells[0])[0]
			l := libraries[name]
			l.modules = append(l.modules, code(cells[1])...)
			l.tests = strings.Contains(cells[0], "tests")
			libraries[name] = l
		}
	}
	require.NotEmpty(t, allowed)
	require.NotEmpty(t, libraries)
	return allowed, libraries
}

// code returns the words between backticks, with a{b,c} spelled out.
func code(cell string) (words []string) {
	for i, word := range strings.Split(cell, "`") {
		if i%2 == 0 {
			continue
		}
		prefix, rest, ok := strings.Cut(word, "{")
		if !ok {
			words = append(words, word)
			continue
		}
		for part := range strings.SplitSeq(strings.TrimSuffix(rest, "}"), ",") {
			words = append(words, prefix+part)
		}
	}
	return words
}

// source is a Go file of the module, on whatever system it is built.
type source struct {
	name    string
	owner   string // its package's place: troupe for the root
	test    bool
	imports []string
}

func sources(t *testing.T) (files []source) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return enter(name)
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		f := source{name: name, owner: filepath.ToSlash(filepath.Dir(name)), test: strings.HasSuffix(name, "_test.go")}
		if f.owner == "." {
			f.owner = "troupe"
		}
		for _, spec := range parsed.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			f.imports = append(f.imports, path)
		}
		files = append(files, f)
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

// enter skips what the Go tool skips, other modules among it.
func enter(dir string) error {
	if dir == "." {
		return nil
	}
	base := filepath.Base(dir)
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil || base == "testdata" || base[0] == '.' || base[0] == '_' {
		return fs.SkipDir
	}
	return nil
}

func ours(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

// nameOf is what the tables call the target of an import: a package of ours,
// or a dependency. It is empty for the standard library.
func nameOf(path string, libraries map[string]library) (name string, known bool) {
	if path == module {
		return "troupe", true
	}
	if ours(path) {
		return strings.TrimPrefix(path, module+"/"), true
	}
	if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") {
		return "", true
	}
	longest := 0
	for candidate, l := range libraries {
		for _, m := range l.modules {
			if (path == m || strings.HasPrefix(path, m+"/")) && len(m) > longest {
				name, longest = candidate, len(m)
			}
		}
	}
	if longest == 0 {
		return path, false
	}
	return name, true
}

// room is the place of a package in rooms, behind all if it is in none.
func room(owner string) int {
	first, _, _ := strings.Cut(owner, "/")
	for i, same := range rooms {
		if slices.Contains(same, first) {
			return i
		}
	}
	return len(rooms)
}
