package acl

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/internal/spelling"
)

// Read reads a file of rules. An error is [auth.FileProblems], all that is wrong
// with it.
func Read(name string) (*Rules, error) {
	text, err := auth.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return parse(name, text)
}

// parse reads the text of a file.
func parse(name string, text []byte) (*Rules, error) {
	r := reading{file: name}
	rules := r.document(bytes.TrimPrefix(text, []byte("\ufeff"))) // editors of Windows put a mark there
	if len(r.problems) > 0 {
		slices.SortStableFunc(r.problems, func(a, b *auth.FileProblem) int { return a.Line - b.Line })
		return nil, r.problems
	}
	rules.sum = sha256.Sum256(text)
	return rules, nil
}

// reading collects what is wrong with a file.
type reading struct {
	file     string
	problems auth.FileProblems
}

func (r *reading) wrong(line int, format string, args ...any) {
	r.problems = append(r.problems, &auth.FileProblem{File: r.file, Line: line, Text: fmt.Sprintf(format, args...)})
}

func (r *reading) document(text []byte) *Rules {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, another yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		r.wrong(0, "holds nothing; write rules: [], which denies everything, and rules below it")
		return nil
	} else if err != nil {
		r.syntax(err)
		return nil
	}
	if err := decoder.Decode(&another); err == nil {
		r.wrong(another.Line, "a second document starts here; allowed: one")
		return nil
	} else if !errors.Is(err, io.EOF) {
		r.syntax(err)
		return nil
	}
	rules := new(Rules)
	list := (*yaml.Node)(nil)
	for _, e := range r.mapping("", document.Content[0], "rules") {
		list = e.value
	}
	switch {
	case len(r.problems) > 0 && list == nil:
	case list == nil:
		r.wrong(document.Content[0].Line, "has no rules; write rules: [], which denies everything, and rules below it")
	case list.Kind != yaml.SequenceNode:
		r.wrong(list.Line, "rules: %s is not a list; write rules as - permission: allow", describe(list))
	default:
		for i, node := range list.Content {
			rules.list = append(rules.list, r.rule(fmt.Sprintf("rules[%d]", i), resolve(node)))
		}
	}
	return rules
}

// syntax takes the lines out of the message of the YAML parser, which may hold
// several.
func (r *reading) syntax(err error) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	before := len(r.problems)
	for _, m := range regexp.MustCompile(`(?m)line (\d+): (.+)$`).FindAllStringSubmatch(message, -1) {
		line, _ := strconv.Atoi(m[1]) // digits alone
		r.wrong(line, "%s", m[2])
	}
	if len(r.problems) == before {
		r.wrong(0, "%s", strings.Join(strings.Fields(message), " "))
	}
}

// field is a key of a mapping and what it has.
type field struct {
	key   string
	line  int
	value *yaml.Node
}

// mapping gives the fields of a mapping at path, those whose keys are known.
func (r *reading) mapping(path string, node *yaml.Node, keys ...string) (fields []field) {
	if node.Kind != yaml.MappingNode {
		if path == "" {
			r.wrong(node.Line, "%s is no mapping; the file holds %s", describe(node), strings.Join(keys, ", "))
		} else {
			r.wrong(node.Line, "%s: %s is no rule; it holds %s", path, describe(node), strings.Join(keys, ", "))
		}
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		f := field{node.Content[i].Value, node.Content[i].Line, resolve(node.Content[i+1])}
		at := dotted(path, f.key)
		switch near := spelling.Nearest(f.key, keys); {
		case slices.ContainsFunc(fields, func(other field) bool { return other.key == f.key }):
			r.wrong(f.line, "%s: is there twice; write it once", at)
		case slices.Contains(keys, f.key):
			fields = append(fields, f)
		case near != "":
			r.wrong(f.line, "%s: unknown key; did you mean %s?", at, near)
		default:
			r.wrong(f.line, "%s: unknown key; there are %s", at, strings.Join(keys, ", "))
		}
	}
	return fields
}

// texts gives the entries of a list of text, or the one text there is in its
// place.
func (r *reading) texts(path string, node *yaml.Node) (texts []entry) {
	for _, e := range r.entries(path, node) {
		if e.node.Kind != yaml.ScalarNode || e.node.ShortTag() != "!!str" {
			r.wrong(e.node.Line, "%s: %s is not text; write it in quotes", e.path, describe(e.node))
			continue
		}
		texts = append(texts, e)
	}
	return texts
}

// entry is one of a list, and where it is.
type entry struct {
	path string
	node *yaml.Node
}

func (r *reading) entries(path string, node *yaml.Node) []entry {
	if node.Kind != yaml.SequenceNode {
		return []entry{{path, node}}
	}
	if len(node.Content) == 0 {
		r.wrong(node.Line, "%s: the list is empty; name something, or leave the key out", path)
	}
	list := make([]entry, len(node.Content))
	for i, item := range node.Content {
		list[i] = entry{fmt.Sprintf("%s[%d]", path, i), resolve(item)}
	}
	return list
}

// truth gives true or false.
func (r *reading) truth(path string, node *yaml.Node) (yes, ok bool) {
	if node.Kind != yaml.ScalarNode || node.ShortTag() != "!!bool" || node.Decode(&yes) != nil {
		r.wrong(node.Line, "%s: %s is not allowed; allowed: true, false", path, describe(node))
		return false, false
	}
	return yes, true
}

// resolve follows an alias, which cannot lead to another.
func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func describe(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.MappingNode:
		return "a mapping"
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case node.ShortTag() == "!!null":
		return "nothing"
	case node.ShortTag() == "!!str":
		return strconv.Quote(node.Value)
	default:
		return node.Value
	}
}

func dotted(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
