package configs

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	koanfyaml "github.com/knadh/koanf/parsers/yaml"
	"go.yaml.in/yaml/v3"
)

func parseYAML(text []byte) (map[string]any, map[string]int, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, another yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, nil, nil // no document at all: all defaults
	} else if err != nil {
		return nil, nil, yamlProblems(err)
	}
	if err := decoder.Decode(&another); err == nil {
		return nil, nil, Problems{atLine(another.Line, "a second document starts here; allowed: one")}
	} else if !errors.Is(err, io.EOF) {
		return nil, nil, yamlProblems(err)
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil, nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, nil, Problems{atLine(root.Line, "holds no keys; write lines such as name: troupe")}
	}
	values, err := koanfyaml.Parser().Unmarshal(text)
	if err != nil {
		return nil, nil, yamlProblems(err)
	}
	lines := make(map[string]int)
	yamlLines(root, "", lines)
	return values, lines, nil
}

// yamlLines notes the line of every key and entry under node. What comes from an
// alias or a merge key has the line of that: following them could take for ever.
func yamlLines(node *yaml.Node, path string, lines map[string]int) {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			at := join(path, node.Content[i].Value)
			lines[at] = node.Content[i].Line
			yamlLines(node.Content[i+1], at, lines)
		}
	case yaml.SequenceNode:
		for i, item := range node.Content {
			at := entry(path, i)
			lines[at] = item.Line
			yamlLines(item, at, lines)
		}
	}
}

// yamlProblems takes the lines out of the parser's message, which may hold
// several.
func yamlProblems(err error) Problems {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	var problems Problems
	for _, m := range regexp.MustCompile(`(?m)line (\d+): (.+)$`).FindAllStringSubmatch(message, -1) {
		line, _ := strconv.Atoi(m[1]) // digits alone
		problems = append(problems, atLine(line, m[2]))
	}
	if problems == nil {
		problems = Problems{atLine(0, strings.Join(strings.Fields(message), " "))}
	}
	return problems
}
