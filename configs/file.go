package configs

import (
	"bytes"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/knadh/koanf/providers/file"
)

// parse reads the text of a file: its values, and the line of each path. What
// is wrong comes as Problems with the line in their Source.
type parse func(text []byte) (values map[string]any, lines map[string]int, err error)

// fileLayer reads the configuration file at path, in the language that its name
// ends with.
func fileLayer(path string) (*layer, error) {
	whole := Source{Kind: KindFile, Name: path}
	var read parse
	switch strings.ToLower(filepath.Ext(path)) {
	case ".yaml", ".yml":
		read = parseYAML
	case ".toml":
		read = parseTOML
	case ".json":
		read = parseJSON
	default:
		return nil, Problems{{Source: whole, Text: "not known what language this is; allowed: a name that ends with .yaml, .yml, .toml or .json"}}
	}
	text, err := file.Provider(path).ReadBytes()
	if err != nil {
		if e := (*fs.PathError)(nil); errors.As(err, &e) {
			err = e.Err // without the path, which the source names
		}
		return nil, Problems{{Source: whole, Text: "cannot be read: " + err.Error()}}
	}
	return textLayer(read, text, whole)
}

func textLayer(read parse, text []byte, whole Source) (*layer, error) {
	raw, lines, err := read(bytes.TrimPrefix(text, []byte("\ufeff"))) // editors of Windows put a mark there
	if err != nil {
		var problems Problems
		if !errors.As(err, &problems) {
			problems = Problems{{Text: err.Error()}}
		}
		for _, p := range problems {
			p.Source.Kind, p.Source.Name = whole.Kind, whole.Name
		}
		return nil, problems
	}
	places := make(map[string]Source, len(lines))
	for path, line := range lines {
		at := whole
		at.Line = line
		places[path] = at
	}
	return &layer{raw: raw, places: places, whole: whole}, nil
}

// atLine is a Problem of a whole file, whose name the caller knows.
func atLine(line int, text string) *Problem {
	return &Problem{Source: Source{Line: line}, Text: text}
}

// lineOf is the line of a byte of text, from 1.
func lineOf(text []byte, offset int) int {
	return 1 + bytes.Count(text[:min(max(offset, 0), len(text))], []byte("\n"))
}
