package troupe_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The program in README.md is the Example, which runs.
func TestReadmeHoldsTheExample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, program, found := strings.Cut(string(readme), "```go\n")
	require.True(t, found, "README.md has no program")
	program, _, _ = strings.Cut(program, "```")

	example, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	_, body, found := strings.Cut(string(example), "func Example() {\n")
	require.True(t, found, "there is no Example")
	body, _, found = strings.Cut(body, "\t// Output:")
	require.True(t, found, "the Example has no Output, so it does not run")

	var lines []string
	for line := range strings.Lines(body) {
		lines = append(lines, strings.TrimPrefix(line, "\t"))
	}
	require.Equal(t, strings.Join(lines, ""), program)
}

// What README.md and the pages below docs point to is there.
func TestLinks(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	for _, page := range append(pages, "README.md", "ARCHITECTURE.md") {
		page = filepath.ToSlash(page)
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, part := range strings.Split(string(text), "](")[1:] {
			target, _, _ := strings.Cut(part, ")")
			file, anchor, _ := strings.Cut(target, "#")
			to := page
			if file != "" {
				to = strings.TrimSuffix(page, page[strings.LastIndex(page, "/")+1:]) + file
			}
			if info, err := os.Stat(to); err == nil && info.IsDir() {
				continue
			}
			linked, err := os.ReadFile(to)
			require.NoError(t, err, "%s links to %s", page, target)
			require.True(t, anchor == "" || hasHeading(string(linked), anchor), "%s links to %s, where there is no such heading", page, target)
		}
	}
}

func hasHeading(page, anchor string) bool {
	for line := range strings.Lines(page) {
		title := strings.TrimLeft(line, "#")
		if title == line {
			continue
		}
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case strings.ContainsRune("`:.,$'", r):
				return -1
			}
			return r
		}, strings.ToLower(strings.TrimSpace(title)))
		if slug == anchor {
			return true
		}
	}
	return false
}
