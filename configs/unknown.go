package configs

import (
	"reflect"
	"slices"
	"strings"
)

// unknown says that section t at path has no such key, and which one was
// probably meant.
func unknown(path, name string, t reflect.Type) string {
	at := join(path, name)
	var paths []string
	for _, k := range keys() {
		section := parent(k.path)
		if at := inEntry(section, path); section != "" && !strings.HasSuffix(section, "]") && !slices.Contains(paths, at) {
			paths = append(paths, at)
		}
		paths = append(paths, inEntry(k.path, path))
	}
	if best := nearest(at, paths); best != "" {
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

// nearest is the candidate that name was probably meant to be, "" when none is
// like it. A key in the wrong section is as near as a letter amiss.
func nearest(name string, candidates []string) string {
	best, least := "", 0
	for _, c := range candidates {
		if strings.HasPrefix(name, c+".") {
			continue // the section that name is in
		}
		d := distance(name, c)
		last, lastC := name[len(parent(name)):], c[len(parent(c)):]
		if moved := distance(strings.TrimLeft(last, ".["), strings.TrimLeft(lastC, ".[")) + 1; moved < d {
			d = moved
		}
		if best == "" || d < least {
			best, least = c, d
		}
	}
	if word := len(name) - len(parent(name)); least > max(2, word/3) {
		return ""
	}
	return best
}

// distance is how many letters have to be put in, taken out, changed or swapped
// with their neighbour to make b of a.
func distance(a, b string) int {
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
