package configs

import (
	"errors"
	"strings"

	koanftoml "github.com/knadh/koanf/parsers/toml/v2"
	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

func parseTOML(text []byte) (map[string]any, map[string]int, error) {
	values, err := koanftoml.Parser().Unmarshal(text)
	if err != nil {
		message, line := strings.TrimPrefix(err.Error(), "toml: "), 0
		if e := (*toml.DecodeError)(nil); errors.As(err, &e) {
			line, _ = e.Position()
		}
		return nil, nil, Problems{atLine(line, message)}
	}
	l := tomlLines{lines: make(map[string]int), entries: make(map[string]int)}
	l.parser.Reset(text)
	for l.parser.NextExpression() {
		l.expression(l.parser.Expression())
	}
	return values, l.lines, nil
}

// tomlLines notes the line of every key and entry of a valid text.
type tomlLines struct {
	parser  unstable.Parser
	table   string         // path of the table that we are in
	lines   map[string]int // by path
	entries map[string]int // by path: entries of the arrays of tables so far
}

func (l *tomlLines) expression(node *unstable.Node) {
	switch node.Kind {
	case unstable.Table:
		l.table = l.key("", node.Key())
	case unstable.ArrayTable:
		list := l.key("", node.Key())
		l.entries[list]++
		l.table = entry(list, l.entries[list]-1)
		l.lines[l.table] = l.lines[list]
	case unstable.KeyValue:
		l.value(l.key(l.table, node.Key()), node.Value())
	}
}

// key notes the lines of a key, which may have dots, and gives its path. A part
// that names an array of tables stands for the last entry of it.
func (l *tomlLines) key(path string, parts unstable.Iterator) string {
	for parts.Next() {
		if n := l.entries[path]; n > 0 {
			path = entry(path, n-1)
		}
		path = join(path, string(parts.Node().Data))
		l.lines[path] = l.parser.Shape(parts.Node().Raw).Start.Line
	}
	return path
}

func (l *tomlLines) value(path string, node *unstable.Node) {
	items := node.Children()
	switch node.Kind {
	case unstable.InlineTable:
		for items.Next() {
			l.value(l.key(path, items.Node().Key()), items.Node().Value())
		}
	case unstable.Array:
		for i := 0; items.Next(); i++ {
			l.value(entry(path, i), items.Node()) // only keys have a place of their own
		}
	}
}
