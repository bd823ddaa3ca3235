package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/bench"
	"github.com/troupemq/troupe/bench/report"
)

// What is not allowed is said at once, with what there is instead, and nothing is measured.
func TestBenchNotAllowed(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string // a pattern
	}{
		{nil, `no workload is named; there are A, .*G, .* and all, or give the path of a file that ends with \.yaml`},
		{[]string{"Z"}, `workload "Z" is not known; there are A, .*`},
		{[]string{"A", "B", "a"}, `workload A is named twice`},
		{[]string{"none.yaml"}, `.*none\.yaml.*`},
		{[]string{"A", "--peer", "rabbit"}, `--peer: peer "rabbit" is not known; there are emqx, .*troupe-process, and --peer-file adds one`},
		{[]string{"A", "--peer", "troupe,troupe"}, `--peer: troupe is named twice`},
		{[]string{"A", "--binary", "troupe"}, `--binary: "troupe" is not name=path`},
		{[]string{"A", "--binary", "x=y"}, `--binary: peer "x" is not known; there are .*`},
		{[]string{"A", "--binary", "null:troupe=y"}, `--binary: "null:troupe=y" needs a name of its own before the colon`},
		{[]string{"A", "--peer-file", "none.yaml"}, `.*none\.yaml.*`},
		{[]string{"A", "--target", "localhost:1883"}, `--target: "localhost:1883" is not allowed; allowed: mqtt://host:port, .*`},
		{[]string{"A", "--target", "a=mqtt://h:1", "--target", "a=mqtt://h:2"}, `--target: a is there twice; name them apart, .*`},
		{[]string{"A", "--target", "a=mqtt://h:1", "--pid", "b=1"}, `--pid: there is no target "b"`},
		{[]string{"A", "--target", "a=mqtt://h:1", "--pid", "a=x"}, `--pid: "x" is no process`},
		{[]string{"A", "--pid", "1"}, `--pid is about targets, and there is no --target`},
		{[]string{"A", "--target", "a=mqtts://h:1", "--tls-ca", "c.yaml"}, `--tls-ca: c\.yaml has no certificate in PEM form`},
		{[]string{"A", "--rounds", "0"}, `--rounds: 0 is not allowed; allowed: 1 or more`},
		{[]string{"A", "--rate", "5"}, `--rate means nothing to workload A \(messages, closed loop\)`},
		{[]string{"A", "--version", "3"}, `--version: "3" is not allowed; allowed: 3\.1\.1, 5`},
		{[]string{"A", "--qos", "3"}, `workload A: traffic\[0\]\.publish_qos: 3; 0, 1 or 2\n.*`},
		{[]string{"A", "--window", "0"}, `workload A: traffic\[0\]\.window: 0; .*`},
		{[]string{"A", "--duration", "5"}, `invalid argument "5" for "--duration" .*`},
		{[]string{"A", "--json", "none/x.json"}, `--json: .*none.*`},
		{[]string{"A", "--out", "c.yaml"}, `--out: c\.yaml is no directory`},
		{[]string{"list", "x"}, `troupe bench list takes no arguments, only flags: "x"`},
		{[]string{"describe"}, `troupe bench describe: WORKLOAD is missing`},
		{[]string{"compare", "c.yaml"}, `troupe bench compare: NEW\.json is missing`},
		{[]string{"compare", "c.yaml", "c.yaml"}, `c\.yaml: not the JSON report of a benchmark: .*`},
		{[]string{"compare", "c.yaml", "c.yaml", "--level", "2"}, `level 2 is not allowed; allowed: .*`},
		{[]string{"compare", "c.yaml", "c.yaml", "--fail-on", "x"}, `--fail-on: "x" is not allowed; allowed: worse, unclear, never`},
		{[]string{"report", "none.json"}, `.*none\.json.*`},
	} {
		r := command(t, "x", nil, append([]string{"bench"}, c.args...)...)
		require.Equal(t, exitUsage, r.code, "%q: %s", c.args, r.stderr)
		require.Regexp(t, `(?s)^troupe: `+c.want+`\n$`, r.stderr, "%q", c.args)
		require.Empty(t, r.stdout)
	}
}

// A target that is not there is found before anything is measured.
func TestBenchUnreachable(t *testing.T) {
	r := command(t, "", nil, "bench", "A", "--target", "mine=mqtt://127.0.0.1:1")
	require.Equal(t, exitFailure, r.code)
	require.Regexp(t, `^troupe: target mine at mqtt://127\.0\.0\.1:1 cannot be reached: .+; does the broker run, and listen there\?\n$`, r.stderr)
	require.Empty(t, r.stdout)
}

func TestBenchDescribe(t *testing.T) {
	r := command(t, "", nil, "bench", "describe", "g", "--rate", "7", "--version", "5", "--clients", "2", "--duration", "90s")
	require.Zero(t, r.code, r.stderr)
	file := filepath.Join(t.TempDir(), "mine.yaml")
	require.NoError(t, os.WriteFile(file, []byte(r.stdout), 0o600))
	w, err := bench.LoadWorkload(file)
	require.NoError(t, err)
	g, err := bench.LoadWorkload("G")
	require.NoError(t, err)
	g.Duration, g.Title = 90e9, g.Title+"; changed: clients 2, rate 7, version 5"
	g.Traffic[0].Rate, g.Traffic[0].Publishers, g.Traffic[0].Subscribers = 7, 2, 2
	g.Traffic[0].PublishVersion, g.Traffic[0].SubscribeVersion = 5, 5
	require.Equal(t, g, w)
}

// absent is the definition of a broker that is nowhere installed.
const absent = `name: absent
title: A broker that is not there
binary: [no-such-broker-anywhere]
command: ["{binary}", "{port}"]
obtain: nobody has it
`

func TestBenchList(t *testing.T) {
	r := command(t, absent, nil, "bench", "list", "--peer-file", "c.yaml", "--binary", "mosquitto=none/mosquitto")
	require.Zero(t, r.code, r.stderr)
	require.Regexp(t, `(?m)^A +messages +\S`, r.stdout)
	require.Regexp(t, `(?m)^troupe +\S.* +`+strings.ReplaceAll(regexpQuoted(binary), "/", ".")+`$`, r.stdout)
	require.Regexp(t, `(?m)^absent +MISSING +no no-such-broker-anywhere on PATH; to get it: nobody has it$`, r.stdout)
	require.Regexp(t, `(?m)^mosquitto +MISSING +.*none/mosquitto; to get it: `, r.stdout)
}

func regexpQuoted(s string) string { return strings.NewReplacer(`\`, `\\`, ".", `\.`).Replace(s) }

// readBack reads a report that the binary wrote.
func readBack(t *testing.T, name string) *report.Report {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	r, err := report.Read(f)
	require.NoError(t, err)
	return r
}

// The whole way: start this binary as a peer, measure two workloads, write all forms, read one back.
func TestBenchRun(t *testing.T) {
	dir := t.TempDir()
	r := command(t, "", nil, "bench", "A", "G", "--null=false", "--peer", "troupe,other", "--binary", "other:troupe="+binary, "--rounds", "1", "--duration", "200ms", "--warm-up", "50ms",
		"--clients", "2", "--window", "10", "--rate", "500", "--out", dir)
	require.Zero(t, r.code, r.stderr)
	require.Contains(t, r.stderr, "A round 1 troupe: ")
	require.Regexp(t, `(?m)^    troupe +[\d,]+ +0 `, r.stdout)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, files, 3)
	for i, ending := range []string{".html", ".json", ".md"} {
		require.Regexp(t, `^\d{4}-\d\d-\d\d\`+ending+`$`, filepath.Base(files[i]))
	}
	got := readBack(t, files[1])
	require.Contains(t, got.Command, "bench A G --null=false --peer troupe,other ")
	require.Len(t, got.Brokers, 2)
	require.Equal(t, "other", got.Brokers[1].Name)
	require.Equal(t, got.Brokers[0].Version, got.Brokers[1].Version)
	require.Len(t, got.Runs, 4)
	for _, run := range got.Runs {
		require.Empty(t, run.Failed)
		require.Empty(t, run.Result.Partial)
		require.Positive(t, run.Result.Delivery.Delivered)
		require.Zero(t, run.Result.Delivery.Lost)
		require.Positive(t, run.Result.Latency.P50)
		if runtime.GOOS == "linux" {
			require.Positive(t, run.Result.Usage.CPU)
		}
	}

	// The report can be shown again, and differs from itself in nothing.
	again := command(t, "", nil, "bench", "report", files[1])
	require.Equal(t, result{0, r.stdout, ""}, again)
	compared := command(t, "", nil, "bench", "compare", files[1], files[1])
	require.Zero(t, compared.code, compared.stderr)
	require.Contains(t, compared.stdout, "too few rounds")
	compared = command(t, "", nil, "bench", "compare", files[1], files[1], "--fail-on", "unclear")
	require.Equal(t, exitFailure, compared.code)
	require.Equal(t, "troupe: not all could be judged\n", compared.stderr)

	// What is lost in the new one alone is worse.
	got.Runs[0].Result.Delivery.Lost = 1
	worse := filepath.Join(dir, "worse.json")
	text, err := json.Marshal(got)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(worse, text, 0o600))
	compared = command(t, "", nil, "bench", "compare", files[1], worse)
	require.Equal(t, exitFailure, compared.code)
	require.Equal(t, "troupe: something got worse\n", compared.stderr)
}

// A broker that runs already is measured as well, and a missing one is in the report.
func TestBenchTarget(t *testing.T) {
	broker := serveProcess(t, "")
	file := filepath.Join(t.TempDir(), "r.json")
	r := command(t, absent, nil, "bench", "run", "A", "--target", "mine=mqtt://"+broker.address, "--null=false", "--peer", "absent", "--peer-file", "c.yaml", "--quiet",
		"--rounds", "1", "--duration", "200ms", "--warm-up", "50ms", "--clients", "2", "--window", "10", "--json", file)
	require.Zero(t, r.code, r.stderr)
	require.Regexp(t, `absent: MISSING: no no-such-broker-anywhere on PATH; to get it: nobody has it`, r.stdout)
	got := readBack(t, file)
	require.Len(t, got.Brokers, 2)
	require.Equal(t, "mine", got.Brokers[0].Name)
	require.NotEmpty(t, got.Brokers[1].Missing)
	require.Len(t, got.Runs, 1)
	require.Positive(t, got.Runs[0].Result.Delivery.Delivered)
	require.Zero(t, got.Runs[0].Result.Delivery.Lost)
}

// Where there is nothing to measure, it has failed.
func TestBenchAllMissing(t *testing.T) {
	r := command(t, absent, nil, "bench", "A", "--peer", "absent", "--peer-file", "c.yaml", "--null=false")
	require.Equal(t, exitFailure, r.code)
	require.Regexp(t, `^troupe: there is no broker to measure\ntroupe: .*no no-such-broker-anywhere on PATH; to get it: nobody has it\n$`, r.stderr)
}

// The command line in a report can be run again, and tells no password.
func TestBenchCommandLine(t *testing.T) {
	require.Equal(t, `troupe bench A --target 'a b=mqtt://h' --password *** --username u --password=*** 'it'\''s'`,
		commandLine([]string{"/usr/bin/troupe", "bench", "A", "--target", "a b=mqtt://h", "--password", "secret", "--username", "u", "--password=secret", "it's"}))
}
