package troupe_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Go code in the pages for embedders is of examples, which run: each piece is found
// there as it is, but for how far it is indented.
func TestSnippets(t *testing.T) {
	var sources []string
	for _, pattern := range []string{"example*_test.go", "instances/example_test.go", "troupetest/example_test.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			sources = append(sources, string(text))
		}
	}
	for _, page := range []string{"docs/embedding.md", "docs/migration.md"} {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		pieces := strings.Split(string(text), "```go\n")[1:]
		require.NotEmpty(t, pieces, page)
		for _, piece := range pieces {
			piece, _, found := strings.Cut(piece, "```")
			require.True(t, found, "%s has an open piece of code", page)
			require.True(t, isIn(piece, sources), "no example has this code of %s:\n%s", page, piece)
		}
	}
}

func isIn(piece string, sources []string) bool {
	for range 4 {
		for _, source := range sources {
			if strings.Contains(source, "\n"+piece) {
				return true
			}
		}
		var deeper strings.Builder
		for line := range strings.Lines(piece) {
			if line != "\n" {
				deeper.WriteString("\t")
			}
			deeper.WriteString(line)
		}
		piece = deeper.String()
	}
	return false
}
