package configs

import (
	"reflect"
	"slices"
	"strings"

	"github.com/troupemq/troupe/internal/spelling"
)

// unknown says that section t at path has no such key, and which one was
// probably meant.
func unknown(path, name string, t reflect.Type) string {
	if path == "" && name == instancesKey {
		return "is not allowed in an entry of instances; write it at the top of a file"
	}
	at := join(path, name)
	var paths []string
	for _, k := range keys() {
		section := parent(k.path)
		if at := inEntry(section, path); section != "" && !strings.HasSuffix(section, "]") && !slices.Contains(paths, at) {
			paths = append(paths, at)
		}
		paths = append(paths, inEntry(k.path, path))
	}
	if path == "" {
		paths = append(paths, instancesKey)
	}
	if best := spelling.Nearest(at, paths); best != "" {
		if best == at {
			return "unknown key; the dot separates sections, so write " + strings.ReplaceAll(name, ".", ": {") + ": ...}"
		}
		return "unknown key; did you mean " + best + "?"
	}
	if path == "" {
		return "unknown key; there are " + names(t)
	}
	return "unknown key; " + path + " holds " + names(t)
}

// inEntry names a key of list entries as one of the entries that path is in.
func inEntry(key, path string) string {
	for from := 0; ; {
		open := strings.IndexByte(path[from:], '[')
		if open < 0 {
			return key
		}
		open += from
		end := strings.IndexByte(path[open:], ']')
		rest, ok := strings.CutPrefix(key, path[:open]+"[]")
		if end < 0 || !ok {
			return key
		}
		from = open + end + 1
		key = path[:from] + rest
	}
}
