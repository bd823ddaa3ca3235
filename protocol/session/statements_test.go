package session_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// elsewhere are the statements that bind a Server and have no case here, with the reason.
var elsewhere = map[string]string{
	"MQTT-3.1.2-22": "the host closes a silent connection: a Session has no clock, and only says what KeepAlive is in force",
	"MQTT-4.2-1":    "about the transport: a Session sees whole frames in order",
	"MQTT-6.0.0-1":  "about WebSocket, which is a transport",
	"MQTT-6.0.0-2":  "about WebSocket, which is a transport",
	"MQTT-6.0.0-4":  "about WebSocket, which is a transport",
}

// TestStatements holds testdata/mqtt-v5-statements.tsv, the normative statements of MQTT 5.0, against
// the cases in testdata/conversations, which name those that they show.
func TestStatements(t *testing.T) {
	table, err := os.ReadFile("testdata/mqtt-v5-statements.tsv")
	if err != nil {
		t.Fatal(err)
	}
	binds := make(map[string]string)
	for line := range strings.Lines(string(table)) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) == 3 && strings.HasPrefix(fields[0], "MQTT-") {
			binds[fields[0]] = fields[2]
		}
	}
	if len(binds) != 251 {
		t.Fatalf("%d statements, want 251", len(binds))
	}

	cases := make(map[string]bool)
	files, err := filepath.Glob("testdata/conversations/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	tag := regexp.MustCompile(`\[(MQTT-[0-9.]+-[0-9]+)\]`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, "#") {
				continue // what a Session reports is no claim of a case
			}
			for _, m := range tag.FindAllStringSubmatch(line, -1) {
				if binds[m[1]] == "" {
					t.Errorf("%s: no statement %s", file, m[1])
				}
				cases[m[1]] = true
			}
		}
	}

	clients := 0
	for statement, who := range binds {
		reason, listed := elsewhere[statement]
		switch {
		case cases[statement] && listed:
			t.Errorf("%s has a case and need not be listed (%s)", statement, reason)
		case cases[statement]:
		case who == "Client":
			clients++
		case !listed:
			t.Errorf("%s has no case and no reason", statement)
		}
	}
	for statement := range elsewhere {
		if binds[statement] == "" {
			t.Errorf("no statement %s", statement)
		}
	}
	t.Logf("%d statements have a case, %d bind the Client alone, %d are shown elsewhere", len(cases), clients, len(elsewhere))
}
