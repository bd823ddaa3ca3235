package troupe_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/constant"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// promised are the packages whose exported names programs may rely on. What these
// say of types of other packages of ours is promised with them.
var promised = []string{"", "/configs", "/instances", "/persistence/memory", "/persistence/storetest", "/troupetest"}

const apiFile = "testdata/api.txt"

var updateAPI = flag.Bool("update", false, "write "+apiFile+" as the API is now")

// TestAPI holds the exported API to a file, so that a change that breaks programs is
// seen by whoever makes it and whoever reads it.
func TestAPI(t *testing.T) {
	now := strings.Join(listAPI(t), "\n") + "\n"
	if *updateAPI {
		require.NoError(t, os.MkdirAll(filepath.Dir(apiFile), 0o755))
		require.NoError(t, os.WriteFile(apiFile, []byte(now), 0o644))
		return
	}
	text, err := os.ReadFile(apiFile)
	require.NoError(t, err)
	was := string(text)
	if now == was {
		return
	}
	gone, fresh := missing("  - ", was, now), missing("  + ", now, was)
	what := "has grown"
	if len(gone) > 0 || strings.Contains(strings.Join(fresh, ""), " interface, ") { // which somebody has implemented
		what = "has changed, which may break programs that use it"
	}
	t.Errorf("The API %s. If that is meant, write it down: go test -run 'TestAPI$' . -update\n%s%s", what,
		strings.Join(gone, ""), strings.Join(fresh, ""))
}

// missing are the lines of one text that another does not have.
func missing(mark, of, in string) (lines []string) {
	there := make(map[string]bool)
	for line := range strings.Lines(in) {
		there[line] = true
	}
	for line := range strings.Lines(of) {
		if !there[line] {
			lines = append(lines, mark+line)
		}
	}
	return lines
}

// listAPI has a line for each thing that a program can name or call.
func listAPI(t *testing.T) []string {
	t.Helper()
	l := lister{t: t, promised: make(map[string]bool), seen: make(map[types.Object]bool), lines: make(map[string]bool)}
	var paths []string
	for _, p := range promised {
		l.promised[module+p] = true
		paths = append(paths, module+p)
	}
	load := imports(t, paths)
	for _, p := range paths {
		pkg, err := load.Import(p)
		require.NoError(t, err)
		for _, name := range pkg.Scope().Names() {
			if token.IsExported(name) {
				l.object(pkg.Scope().Lookup(name))
			}
		}
	}
	lines := make([]string, 0, len(l.lines))
	for line := range l.lines {
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

// imports reads what the compiler wrote about packages, which is what the programs
// that import them are held to.
func imports(t *testing.T, paths []string) types.Importer {
	t.Helper()
	sources(t) // reads all files, so that a result which the Go tool has kept is not that of other code
	cmd := exec.Command("go", append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}"}, paths...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	require.NoError(t, err, said.String())
	files := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		files[path] = file
	}
	return importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) { return os.Open(files[path]) })
}

// lister gathers the lines.
type lister struct {
	t        *testing.T
	promised map[string]bool
	seen     map[types.Object]bool
	lines    map[string]bool
}

func (l *lister) add(format string, args ...any) { l.lines[fmt.Sprintf(format, args...)] = true }

// object lists an exported object of a package.
func (l *lister) object(o types.Object) {
	if l.seen[o] {
		return
	}
	l.seen[o] = true
	name := short(o.Pkg()) + "." + o.Name()
	switch o := o.(type) {
	case *types.Const:
		value := o.Val().ExactString()
		if o.Val().Kind() == constant.String {
			value = o.Val().String()
		}
		l.add("const %s %s = %s", name, l.text(o.Type()), value)
	case *types.Var:
		l.add("var %s %s", name, l.text(o.Type()))
	case *types.Func:
		l.add("func %s%s", name, l.signature(o.Type()))
	case *types.TypeName:
		l.typeName(name, o)
	}
}

func (l *lister) typeName(name string, o *types.TypeName) {
	if o.IsAlias() {
		to := types.Unalias(o.Type())
		l.add("type %s = %s", name, l.text(to))
		return
	}
	named := o.Type().(*types.Named)
	parameters := ""
	if p := named.TypeParams(); p != nil {
		var all []string
		for i := range p.Len() {
			all = append(all, p.At(i).Obj().Name()+" "+l.text(p.At(i).Constraint()))
		}
		parameters = "[" + strings.Join(all, ", ") + "]"
	}
	switch u := named.Underlying().(type) {
	case *types.Struct:
		l.add("type %s%s struct", name, parameters)
		for i := range u.NumFields() {
			f := u.Field(i)
			switch {
			case f.Exported() && f.Embedded():
				l.add("type %s struct, embedded %s", name, l.text(f.Type()))
			case f.Exported():
				l.add("type %s struct, %s %s", name, f.Name(), l.text(f.Type()))
			}
		}
	case *types.Interface:
		l.add("type %s%s interface", name, parameters)
		for i := range u.NumMethods() {
			if m := u.Method(i); m.Exported() {
				l.add("type %s interface, %s%s", name, m.Name(), l.signature(m.Type()))
			} else {
				l.add("type %s interface, methods that are not exported", name)
			}
		}
		return // its methods are these
	default:
		l.add("type %s%s %s", name, parameters, l.text(u))
	}
	set := types.NewMethodSet(types.NewPointer(named))
	values := types.NewMethodSet(named)
	for i := range set.Len() {
		m := set.At(i).Obj().(*types.Func)
		if !m.Exported() {
			continue
		}
		receiver := name
		if values.Lookup(m.Pkg(), m.Name()) == nil {
			receiver = "*" + name
		}
		l.add("method (%s) %s%s", receiver, m.Name(), l.signature(set.At(i).Type()))
	}
	// The values that a program has to name.
	scope := o.Pkg().Scope()
	for _, other := range scope.Names() {
		if c, ok := scope.Lookup(other).(*types.Const); ok && c.Exported() && types.Identical(c.Type(), named) {
			l.object(c)
		}
	}
}

func (l *lister) signature(t types.Type) string { return strings.TrimPrefix(l.text(t), "func") }

// text writes a type, and lists what else it names of ours.
func (l *lister) text(t types.Type) string {
	l.reach(t, make(map[types.Type]bool))
	return types.TypeString(t, func(p *types.Package) string { return short(p) })
}

// reach lists the types of ours in t that are of no promised package.
func (l *lister) reach(t types.Type, on map[types.Type]bool) {
	if on[t] {
		return
	}
	on[t] = true
	switch t := t.(type) {
	case *types.Alias:
		l.reach(types.Unalias(t), on)
	case *types.Named:
		if args := t.TypeArgs(); args != nil {
			for i := range args.Len() {
				l.reach(args.At(i), on)
			}
		}
		o := t.Origin().Obj()
		if o.Pkg() != nil && ours(o.Pkg().Path()) && o.Exported() && !l.promised[o.Pkg().Path()] {
			l.object(o)
		}
	case *types.Pointer:
		l.reach(t.Elem(), on)
	case *types.Slice:
		l.reach(t.Elem(), on)
	case *types.Array:
		l.reach(t.Elem(), on)
	case *types.Chan:
		l.reach(t.Elem(), on)
	case *types.Map:
		l.reach(t.Key(), on)
		l.reach(t.Elem(), on)
	case *types.Signature:
		l.reach(t.Params(), on)
		l.reach(t.Results(), on)
	case *types.Tuple:
		for i := range t.Len() {
			l.reach(t.At(i).Type(), on)
		}
	case *types.Struct:
		for i := range t.NumFields() {
			l.reach(t.Field(i).Type(), on)
		}
	case *types.Interface:
		for i := range t.NumMethods() {
			l.reach(t.Method(i).Type(), on)
		}
	}
}

// short is a package's path below the module, or its own.
func short(p *types.Package) string {
	if p.Path() == module {
		return "troupe"
	}
	return strings.TrimPrefix(p.Path(), module+"/")
}
