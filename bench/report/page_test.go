package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func pageOf(t *testing.T, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, r.HTML(&b))
	if path := os.Getenv("TROUPE_TEST_PAGE"); path != "" { // to look at it
		require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	}
	return b.String()
}

// The page loads nothing: no element of it names an address, and it forbids the browser to follow one.
func TestPageIsSelfContained(t *testing.T) {
	page := pageOf(t, sample())
	require.Contains(t, page, `content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"`)
	outside := regexp.MustCompile(`(?s)<script[^>]*>.*?</script>`).ReplaceAllString(page, "")
	require.NotRegexp(t, `(?i)\b(src|href|action|data|poster|srcset)\s*=`, outside)
	require.NotRegexp(t, `(?i)url\(|@import`, outside)
	require.NotRegexp(t, `(?i)<script[^>]*\bsrc\b`, page)
	require.NotContains(t, strings.TrimSuffix(outside, "\n"), "http:", "but for what a broker says of itself")
	require.Contains(t, page, "Licensed to the Apache Software Foundation", "the notice of ECharts goes with it")
}

// ECharts is what its makers published.
func TestECharts(t *testing.T) {
	var p page
	require.NoError(t, p.load())
	require.Equal(t, "bf4a223524e40b77c304bec67e1222cf551f14880cf42c69dc046558e11c07b1", fmt.Sprintf("%x", sha256.Sum256([]byte(p.Scripts[0]))))
}

var optionText = regexp.MustCompile(`(?s)<script type="application/json">(.*?)</script>`)

// Every chart is valid JSON, names functions that the page has, and shows what the tables show.
func TestPageHasCharts(t *testing.T) {
	page := pageOf(t, sample())
	var titles []string
	options := make(map[string]string) // the first of each title
	for _, text := range optionText.FindAllStringSubmatch(page, -1) {
		var option struct {
			Title  struct{ Text string }
			Series []json.RawMessage
		}
		require.NoError(t, json.Unmarshal([]byte(text[1]), &option))
		require.NotEmpty(t, option.Series)
		titles = append(titles, option.Title.Text)
		if options[option.Title.Text] == "" {
			options[option.Title.Text] = text[1]
		}
		for _, name := range regexp.MustCompile(`"fn:(\w+)"`).FindAllStringSubmatch(text[1], -1) {
			require.Contains(t, page, "case '"+name[1]+"':")
		}
	}
	require.Equal(t, []string{"CPU s/M", // of all workloads
		"messages/s", "CPU s/M", "latency", // A
		"CPU s/M", "latency", // G
		"connects/s", "CPU s/M", // H
		"resident per connection with a subscription", // I
		"resident per retained message", "replay",     // J
		"CPU s/M", "latency", // overload
	}, titles)
	require.Contains(t, options["messages/s"], "250,250  LOST 1.00%")
	require.Contains(t, options["messages/s"], `"type":"log"`)
	require.Contains(t, options["latency"], "mochi (LOST 1.00%)")
}

// What brokers say of themselves stays text.
func TestPageQuotes(t *testing.T) {
	r := sample()
	evil := `<iframe/></script><script>alert(2)</script>`
	r.Brokers[0].Name, r.Brokers[0].Version, r.Brokers[0].Notes = evil, evil, evil
	for i := range r.Runs {
		if r.Runs[i].Result.Target == "troupe" {
			r.Runs[i].Result.Target = evil
		}
	}
	page := pageOf(t, r)
	require.False(t, strings.Contains(page, "<iframe"))
	require.False(t, strings.Contains(page, "<script>alert"))
	require.True(t, strings.Contains(page, "&lt;iframe"))
}
