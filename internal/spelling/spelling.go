// Package spelling guesses what was meant by a word that is not known, in files
// that people write.
package spelling

import "strings"

// Nearest is the candidate that name was probably meant to be, "" when none is
// like it. Dots and brackets separate sections. A key in the wrong section is as near as a letter amiss.
func Nearest(name string, candidates []string) string {
	best, least := "", 0
	for _, c := range candidates {
		if strings.HasPrefix(name, c+".") {
			continue // the section that name is in
		}
		d := distance(name, c)
		last, lastC := name[len(section(name)):], c[len(section(c)):]
		if moved := distance(strings.TrimLeft(last, ".["), strings.TrimLeft(lastC, ".[")) + 1; moved < d {
			d = moved
		}
		if best == "" || d < least {
			best, least = c, d
		}
	}
	if word := len(name) - len(section(name)); least > max(2, word/3) {
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

// section is the path of what holds path.
func section(path string) string {
	if i := strings.LastIndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return ""
}
