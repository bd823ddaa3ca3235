package report

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// golden holds what is written to a file below testdata.
func golden(t *testing.T, name string, write func(io.Writer) error) {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, write(&b))
	path := filepath.Join("testdata", name)
	if *rewrite {
		require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String(), "go test ./bench/report -rewrite, and look at the difference")
}

func TestGolden(t *testing.T) {
	r := sample()
	golden(t, "sample.txt", r.Table)
	golden(t, "sample.md", r.Markdown)
	golden(t, "sample.json", r.JSON)
}

func TestSummary(t *testing.T) {
	said := make(map[string]string)
	for _, run := range sample().Runs {
		if key := run.Result.Workload + " " + run.Result.Target; run.Round == 2 || said[key] == "" {
			said[key] = run.Summary()
		}
	}
	require.Equal(t, "250,250 messages/s, 3.80 CPU s/M, 260 µs p50, 3.60 ms p99, LOST 1.00%", said["A mochi"])
	require.Equal(t, "FAILED: mosquitto ended in the middle: exit status 139", said["G mosquitto"])
	require.Equal(t, "1,500 connects/s, 400 CPU s/M, FAILED 7", said["H mochi"])
	require.Equal(t, "9.38 KiB resident each, 2.80 s replay, LOST 91.8%", said["J mochi"])
	require.Equal(t, "5,000 messages/s, 9.50 CPU s/M, 650 µs p50, 9.00 ms p99, flood: LOST 99.4%, ENDED EARLY: interrupted", said["overload mosquitto"])
}
