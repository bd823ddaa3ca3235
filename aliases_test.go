package troupe_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAliasesShowWhatTheyAre: go doc has nothing to say of a type that is another
// package's, so its fields and methods stand in the comment of the alias, as they
// are written in a program.
func TestAliasesShowWhatTheyAre(t *testing.T) {
	said := comments(t)
	pkg, err := imports(t, []string{module}).Import(module)
	require.NoError(t, err)
	program := names{of: make(map[string]string)}
	for _, name := range pkg.Scope().Names() {
		if o, isType := pkg.Scope().Lookup(name).(*types.TypeName); isType && o.Exported() {
			program.add(o)
		}
	}
	checked := 0
	for _, name := range pkg.Scope().Names() {
		o, isType := pkg.Scope().Lookup(name).(*types.TypeName)
		if !isType || !o.Exported() || !o.IsAlias() {
			continue
		}
		text := spaces.ReplaceAllString(said[name], " ")
		for _, member := range program.members(types.Unalias(o.Type()).(*types.Named)) {
			assert.Contains(t, text, member, "the comment of %s does not say that it has", name)
			checked++
		}
	}
	require.Greater(t, checked, 50)
}

var spaces = regexp.MustCompile(`\s+`)

// comments are those of the types of the package that programs import.
func comments(t *testing.T) map[string]string {
	t.Helper()
	set := token.NewFileSet()
	paths, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		file, err := parser.ParseFile(set, path, text, parser.ParseComments)
		require.NoError(t, err)
		files = append(files, file)
	}
	d, err := doc.NewFromFiles(set, files, module)
	require.NoError(t, err)
	all := make(map[string]string)
	for _, typ := range d.Types {
		all[typ.Name] = typ.Doc
	}
	return all
}

// names are those that a program has for types.
type names struct{ of map[string]string }

// add notes the name of a type that has another where it is declared.
func (n names) add(o *types.TypeName) {
	for is, ok := o.Type().(*types.Alias); ok; is, ok = is.Rhs().(*types.Alias) {
		n.of[types.TypeString(is.Rhs(), (*types.Package).Path)] = o.Name()
	}
}

var qualified = regexp.MustCompile(`[\w./-]+\.\w+`)

// text is a type as a program writes it.
func (n names) text(t types.Type) string {
	return qualified.ReplaceAllStringFunc(types.TypeString(t, (*types.Package).Path), func(name string) string {
		if short, ok := n.of[name]; ok {
			return short
		}
		return strings.TrimPrefix(name[strings.LastIndex(name, "/")+1:], "troupe.")
	})
}

// members are the exported fields and methods of a type, as they are declared.
func (n names) members(t *types.Named) (all []string) {
	switch u := t.Underlying().(type) {
	case *types.Struct:
		for i := range u.NumFields() {
			if f := u.Field(i); f.Exported() {
				all = append(all, f.Name()+" "+n.text(f.Type()))
			}
		}
	case *types.Signature:
		all = append(all, n.text(u))
	}
	set := types.NewMethodSet(t)
	if !types.IsInterface(t) {
		set = types.NewMethodSet(types.NewPointer(t))
	}
	for i := range set.Len() {
		if m := set.At(i).Obj(); m.Exported() {
			all = append(all, m.Name()+strings.TrimPrefix(n.text(m.Type()), "func"))
		}
	}
	return all
}
