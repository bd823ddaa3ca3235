package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/testca"
)

// severalInstances is the binary at work with several instances.
type severalInstances struct {
	*process
	t      testing.TB
	dir    string
	stdout *text
}

// serveSeveral starts the binary in a directory that holds the files, with what
// follows serve.
func serveSeveral(t testing.TB, dir string, files map[string]string, args ...string) *severalInstances {
	t.Helper()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	p := &process{command: exec.Command(binary, append([]string{"serve"}, args...)...), log: new(text), done: make(chan struct{})}
	p.command.Dir, p.command.Stderr = dir, p.log
	p.command.Env = []string{"SystemRoot=" + os.Getenv("SystemRoot")}
	out, err := p.command.StdoutPipe()
	require.NoError(t, err)
	s := &severalInstances{process: p, t: t, dir: dir, stdout: new(text)}
	require.NoError(t, p.command.Start())
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			fmt.Fprintln(s.stdout, lines.Text())
		}
		_ = p.command.Wait()
		p.code = p.command.ProcessState.ExitCode()
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.command.Process.Kill()
		<-p.done
		if t.Failed() && os.Getenv("SHOW_LOGS") != "" {
			t.Logf("the log:\n%s", p.log)
		}
		require.NotContains(t, p.log.String(), "an actor failed")
		require.NotContains(t, p.log.String(), "goroutine ")
	})
	return s
}

// says waits for a line of the log or standard output that holds all of the words.
func (s *severalInstances) says(words ...string) string {
	s.t.Helper()
	var found string
	require.Eventually(s.t, func() bool {
		for line := range strings.Lines(s.stdout.String() + s.log.String()) {
			all := true
			for _, word := range words {
				all = all && strings.Contains(line, word)
			}
			if all {
				found = line
				return true
			}
		}
		return false
	}, patience, time.Millisecond, "%q: %s%s", words, s.stdout, s.log)
	return found
}

// address waits until an instance listens, and tells where.
func (s *severalInstances) address(name string) string {
	s.t.Helper()
	line := s.says(`"instance":"`+name+`"`, `"message":"listening"`)
	var said struct{ Address string }
	require.NoError(s.t, json.Unmarshal([]byte(line), &said))
	return said.Address
}

const plantFile = `data_dir: data
durability: process
sys: {interval: 100ms}
instances:
- {name: a, listeners: [{name: tcp, address: "127.0.0.1:0"}]}
- {name: b, listeners: [{name: tcp, address: "127.0.0.1:0"}], limits: {topic_levels: 3}}
- {name: c, listeners: [{name: tcp, address: "127.0.0.1:0"}]}
`

// Each of two files is an instance, and what is printed names it.
func TestServeTwoFiles(t *testing.T) {
	s := serveSeveral(t, place(t), map[string]string{
		"a.yaml": "name: a\ndata_dir: a\nlisteners: [{name: tcp, address: '127.0.0.1:0'}]\n",
		"b.yaml": "name: b\ndata_dir: ''\nlisteners: [{name: tcp, address: '127.0.0.1:0'}]\n",
	}, "-c", "a.yaml", "-c", "b.yaml")
	a, b := s.address("a"), s.address("b")
	s.says("troupe: b: no data directory")
	require.Equal(t, "troupe: a: listening on mqtt://"+a+"\n"+
		"troupe: a: data directory a; durability disk: what is acknowledged survives a loss of power\n"+
		"troupe: b: listening on mqtt://"+b+"\n"+
		"troupe: b: no data directory: sessions, queued and retained messages end with the process\n", s.stdout.String())
	for _, address := range []string{a, b} {
		c := paho3(t, address, 4, "c", nil)
		c.subscribe("x", 1)
		c.publish("x", 1, false, address)
		c.expect(address)
	}
}

// Instances of one process know nothing of each other: the same Client, Session,
// topic and Retained Message is another one in each.
func TestInstancesAreIsolated(t *testing.T) {
	s := serveSeveral(t, place(t), map[string]string{"all.yaml": plantFile}, "-c", "all.yaml")
	names := []string{"a", "b", "c"}
	clients := map[string]*three{}
	for _, name := range names {
		c := paho3(t, s.address(name), 4, "same", kept)
		require.False(t, c.present)
		c.subscribe("sensors/#", 1)
		clients[name] = c
	}
	for _, name := range names {
		for i := range 100 {
			clients[name].publish("sensors/1", byte(i%3), i == 99, fmt.Sprint(name, i))
		}
		for i := range 100 {
			clients[name].expect(fmt.Sprint(name, i))
		}
	}
	for _, name := range names {
		clients[name].nothingMore()
		late := paho3(t, s.address(name), 4, "late", nil)
		late.subscribe("sensors/1", 0)
		late.expect(name + "99")
		late.nothingMore()
	}

	// What waits for a Client of one is not that of another.
	clients["a"].Disconnect(100)
	for _, name := range []string{"b", "c"} {
		paho3(t, s.address(name), 4, "publisher", nil).publish("sensors/2", 1, false, "only "+name)
		clients[name].expect("only " + name)
	}
	paho3(t, s.address("a"), 4, "publisher", nil).publish("sensors/2", 1, false, "waits")
	back := paho3(t, s.address("a"), 4, "same", kept)
	require.True(t, back.present)
	back.expect("waits")
	back.nothingMore()

	// $SYS counts the Clients of one alone.
	for i := range 5 {
		paho3(t, s.address("b"), 4, fmt.Sprint("more", i), nil)
	}
	count := paho3(t, s.address("c"), 4, "count", nil)
	count.subscribe("$SYS/broker/clients/connected", 0)
	require.Eventually(t, func() bool {
		n, err := strconv.Atoi(string(count.next().Payload()))
		require.NoError(t, err)
		require.LessOrEqual(t, n, 5) // same, late, publisher, count, and whoever is leaving
		return n == 4
	}, patience, time.Millisecond)
	// Limits are those of one.
	deep := paho3(t, s.address("a"), 4, "deep", nil)
	deep.publish("1/2/3/4", 1, false, "x")
	require.Empty(t, deep.lost)
}

// One that somebody else's port keeps from starting ends the start: who started
// it is told at once, and of whom. With a policy that was written it is tried
// again, and the others run.
func TestPortOfOneIsTaken(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	config := func(policy string) string {
		return "data_dir: ''\ninstances:\n- {name: a, listeners: [{name: tcp, address: '127.0.0.1:0'}]}\n" +
			"- {name: b, listeners: [{name: tcp, address: '" + busy.Addr().String() + "'}], supervision: {on_failure: " + policy + ", backoff: {initial: 50ms, maximum: 100ms}}}\n"
	}
	for _, policy := range []string{"auto", "stop-all"} {
		r := command(t, config(policy), nil, "serve", "-c", "c.yaml")
		require.Equal(t, exitFailure, r.code)
		require.Empty(t, r.stdout)
		require.Regexp(t, `^troupe: instance b: listener tcp: cannot listen on `+busy.Addr().String()+`: .*in use by `+holding(os.Getpid())+`\n$`, r.stderr)
	}
	s := serveSeveral(t, place(t), map[string]string{"c.yaml": config("restart")}, "-c", "c.yaml")
	paho3(t, s.address("a"), 4, "c", nil).publish("x", 1, false, "x")
	s.says(`"instance":"b"`, "the instance failed, and is started again", "in use by ")
	require.NoError(t, busy.Close())
	paho3(t, s.address("b"), 4, "c", nil).publish("x", 1, false, "x")
}

// One whose directory is damaged is tried again while the others run, and comes
// up once it was seen to.
func TestOneOfSeveralDoesNotStart(t *testing.T) {
	dir := place(t)
	fillStore(t, filepath.Join(dir, "data", "b"), some())
	damage(t, filepath.Join(dir, "data", "b"))
	s := serveSeveral(t, dir, map[string]string{"all.yaml": "supervision: {backoff: {initial: 50ms, maximum: 100ms}}\n" + plantFile}, "-c", "all.yaml")
	paho3(t, s.address("a"), 4, "c", nil).publish("x", 1, false, "x")
	paho3(t, s.address("c"), 4, "c", nil).publish("x", 1, false, "x")
	s.says(`"instance":"b"`, "the instance failed, and is started again", "the directory is damaged")
	require.NotContains(t, s.stdout.String(), "troupe: b:")
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "data", "b")))
	paho3(t, s.address("b"), 4, "c", nil).publish("x", 1, false, "x")
	s.says("the instance runs again", `"instance":"b"`)
}

// One whose certificate is not there keeps all from starting, unless it was written
// what is to become of it: then the others run, it comes up once the file is there,
// and meanwhile it can be asked for and is not right.
func TestCertificateOfOneIsMissing(t *testing.T) {
	dir, authority := place(t), testca.New(t)
	cert, key := authority.Issue(t, "broker")
	config := func(policy, durability string) string {
		return "data_dir: data\ninstances:\n- {name: a, listeners: [{name: tcp, address: '127.0.0.1:0'}]}\n" +
			"- {name: b, durability: " + durability + ", listeners: [{name: tls, address: '127.0.0.1:0', transport: tls, tls: {cert_file: '" + cert + "', key_file: key.pem}}]," +
			" supervision: {on_failure: " + policy + ", backoff: {initial: 50ms, maximum: 100ms}}}\n"
	}
	missing := "listeners[0].tls.key_file: key.pem cannot be read"
	for _, c := range []struct{ command, policy, durability string }{{"serve", "auto", "disk"}, {"serve", "stop-all", "disk"}, {"serve", "restart", "none"}, {"check", "restart", "disk"}} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "c.yaml"), []byte(config(c.policy, c.durability)), 0o600))
		r := work(t, dir, nil, c.command, "-c", "c.yaml")
		require.Equal(t, exitUsage, r.code, c)
		require.Empty(t, r.stdout, c)
		require.Contains(t, r.stderr, "c.yaml:4: instances[1]."+missing, c)
	}
	require.NoDirExists(t, filepath.Join(dir, "data"))

	s := serveSeveral(t, dir, map[string]string{"c.yaml": config("restart", "disk")}, "-c", "c.yaml")
	paho3(t, s.address("a"), 4, "c", nil).publish("x", 1, false, "x")
	s.says(`"instance":"b"`, "the instance failed, and is started again", missing)
	r := work(t, dir, nil, "ctl", "instance", "list", "-c", "c.yaml")
	require.Equal(t, exitDone, r.code, r.stderr)
	require.Contains(t, r.stdout, missing)
	text, err := os.ReadFile(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "key.pem"), text, 0o600))
	_, err = connackOver(t, dialTLS(t, s.address("b"), trusting(t, authority)), plain("c", ""))
	require.NoError(t, err)
	s.says("the instance runs again", `"instance":"b"`)
}

// With nobody left to run, the process ends with the first reason.
func TestEndsWithTheLast(t *testing.T) {
	dir := place(t)
	for _, name := range []string{"a", "b"} {
		fillStore(t, filepath.Join(dir, "data", name), some())
		damage(t, filepath.Join(dir, "data", name))
	}
	s := serveSeveral(t, dir, map[string]string{"all.yaml": "data_dir: data\nsupervision: {on_failure: stop}\ninstances:\n- {name: a, listeners: []}\n- {name: b, listeners: []}\n"}, "-c", "all.yaml")
	require.Equal(t, exitFailure, s.exit(t))
	require.Regexp(t, regexp.MustCompile(`(?m)^troupe: instance [ab]: the directory is damaged: .*data/[ab]/`), s.log.String())
}

// What is wrong with any of them is said at once, and nothing starts.
func TestWrongConfigurationOfSeveral(t *testing.T) {
	dir := place(t)
	for name, text := range map[string]string{
		"a.yaml": "name: a\ndata_dir: d\nlisteners: [{name: tcp, address: '127.0.0.1:4000'}]\n",
		"b.yaml": "name: b\ndata_dir: ./d\nlisteners: [{name: tcp, address: 'localhost:4000'}]\nlimits: {max_inflight: 0}\n",
		"c.yaml": "nmae: c\nlisteners: []\ndata_dir: ''\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	want := `troupe: b.yaml:4: limits.max_inflight: 0 is not allowed; allowed: 1 to 65535
troupe: c.yaml:1: nmae: unknown key; did you mean name?
troupe: b.yaml:2: data_dir: "./d" is the directory of instance a (a.yaml:2: data_dir)
troupe: b.yaml:3: listeners[0].address: localhost:4000 is taken by 127.0.0.1:4000, listener tcp of instance a (a.yaml:3: listeners[0].address)
`
	for _, name := range []string{"serve", "check"} {
		r := work(t, dir, nil, name, "-c", "a.yaml", "-c", "b.yaml", "-c", "c.yaml")
		require.Equal(t, result{exitUsage, "", want}, r)
	}
	require.NoDirExists(t, filepath.Join(dir, "d"))
	r := work(t, dir, nil, "serve", "-c", "a.yaml", "-c", "a.yaml", "--listen", ":1")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.stderr, "flag --listen: listeners is that of one instance, and there are several; write it in their files\n")
}

func TestCheckAndPrintSeveral(t *testing.T) {
	r := command(t, plantFile, nil, "check", "-c", "c.yaml")
	require.Equal(t, result{exitDone, "c.yaml is valid: 3 instances, a, b, c\n", ""}, r)
	r = command(t, plantFile, []string{"TROUPE_LIMITS_MAX_INFLIGHT=5"}, "config", "print", "-c", "c.yaml")
	require.Equal(t, exitDone, r.code)
	require.Contains(t, r.stdout, "    data_dir: "+filepath.Join("data", "a")+" # c.yaml:1\n")
	require.Equal(t, 3, strings.Count(r.stdout, "max_inflight: 5 # env TROUPE_LIMITS_MAX_INFLIGHT\n"))
	require.Equal(t, result{exitDone, "c.yaml is valid: 3 instances, a, b, c\n", ""}, command(t, r.stdout, nil, "check", "-c", "c.yaml"))
	r = command(t, plantFile, nil, "config", "print", "-c", "c.yaml", "--format", "json")
	var printed struct {
		Instances []struct {
			Config  struct{ Name string }
			Sources map[string]string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &printed))
	require.Len(t, printed.Instances, 3)
	require.Equal(t, "b", printed.Instances[1].Config.Name)
	require.Equal(t, "c.yaml:6", printed.Instances[1].Sources["limits.topic_levels"])
}

// The same configuration a second time: the error names who has the port and
// the directory.
func TestServeTwice(t *testing.T) {
	dir := place(t)
	address := freePort(t)
	config := "instances:\n- {name: a, listeners: [{name: tcp, address: '" + address + "'}]}\n- {name: b, listeners: []}\n"
	s := serveSeveral(t, dir, map[string]string{"all.yaml": config}, "-c", "all.yaml")
	s.address("a")
	s.says("troupe: b: data directory")
	r := work(t, dir, nil, "serve", "-c", "all.yaml")
	require.Equal(t, exitFailure, r.code)
	process := "process " + strconv.Itoa(s.command.Process.Pid)
	require.Regexp(t, `^troupe: instance a: listener tcp: cannot listen on `+address+`: .*in use by `+holding(s.command.Process.Pid)+`
troupe: instance a: the directory is in use: .*troupe-data/a is in use by a, `+process+` since .*; stop that first, or choose another directory
troupe: instance b: the directory is in use: .*troupe-data/b is in use by b, `+process+` since .*; stop that first, or choose another directory
$`, r.stderr)
	paho3(t, address, 4, "c", nil).publish("x", 1, false, "x")

	// One instance alone says the same of itself.
	r = work(t, dir, nil, "serve", "--listen", "127.0.0.1:0", "--data-dir", filepath.Join("troupe-data", "b"))
	require.Equal(t, exitFailure, r.code)
	require.Regexp(t, `^troupe: the directory is in use: .* is in use by b, `+process, r.stderr)

	// Neither can one have a directory inside of that of another.
	r = work(t, dir, nil, "serve", "--listen", "127.0.0.1:0", "--data-dir", filepath.Join("troupe-data", "b", "inner"))
	require.Equal(t, exitFailure, r.code)
	require.Regexp(t, `^troupe: the directory is in use: .*troupe-data/b/inner is inside of .*troupe-data/b, which is in use by b, `+process, r.stderr)
	require.NoDirExists(t, filepath.Join(dir, "troupe-data", "b", "inner"))
}

// freePort is an address that was free a moment ago.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// After a kill -9 all of them come back with what they had.
func TestKillSeveral(t *testing.T) {
	dir := place(t)
	s := serveSeveral(t, dir, map[string]string{"all.yaml": plantFile}, "-c", "all.yaml")
	names := []string{"a", "b", "c"}
	for _, name := range names {
		c := paho3(t, s.address(name), 4, "same", kept)
		c.subscribe("queue", 1)
		c.Disconnect(100)
		from := paho3(t, s.address(name), 4, "from", nil)
		from.publish("queue", 1, false, "waits in "+name)
		from.publish("kept", 1, true, "kept in "+name)
	}
	require.NoError(t, s.command.Process.Kill())
	s.exit(t)
	s = serveSeveral(t, dir, nil, "-c", "all.yaml")
	for _, name := range names {
		c := paho3(t, s.address(name), 4, "same", kept)
		require.True(t, c.present)
		c.expect("waits in " + name)
		c.subscribe("kept", 1)
		c.expect("kept in " + name)
		c.nothingMore()
	}
}

// Commands stop, start, reload and add instances of a running process, by the
// directory of any of them; the process ends with the last.
func TestCtlOfSeveral(t *testing.T) {
	dir := place(t)
	s := serveSeveral(t, dir, map[string]string{
		"all.yaml":  "data_dir: data\ninstances:\n- {name: a, listeners: [{name: tcp, address: '127.0.0.1:0'}]}\n- {name: b, listeners: []}\n",
		"more.yaml": "name: more\ndata_dir: more\nlisteners: [{name: tcp, address: '127.0.0.1:0'}]\n",
	}, "-c", "all.yaml")
	s.says("troupe: b: data directory")
	client := paho3(t, s.address("a"), 4, "c", nil)
	ctl := func(args ...string) result {
		t.Helper()
		return work(t, dir, nil, append([]string{"ctl", "instance"}, args...)...)
	}
	states := func() map[string]string {
		t.Helper()
		r := ctl("list", "--json", "-c", "all.yaml")
		require.Equal(t, exitDone, r.code, r.stderr)
		var list []struct{ Name, State string }
		require.NoError(t, json.Unmarshal([]byte(r.stdout), &list))
		is := make(map[string]string)
		for _, i := range list {
			is[i.Name] = i.State
		}
		return is
	}
	require.Equal(t, map[string]string{"a": "running", "b": "running"}, states())
	require.Equal(t, exitDone, ctl("stop", "b", "-c", "all.yaml").code)
	require.Equal(t, map[string]string{"a": "running", "b": "stopped"}, states())
	require.Equal(t, exitDone, ctl("start", "b", "-c", "all.yaml").code)
	require.Equal(t, exitFailure, ctl("start", "b", "-c", "all.yaml").code)

	require.Equal(t, result{exitDone, "more\n", ""}, ctl("add", "more.yaml", "-c", "all.yaml"))
	paho3(t, s.address("more"), 4, "c", nil).publish("x", 1, false, "x")
	r := ctl("add", "more.yaml", "-c", "all.yaml")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.stderr, `"more" is the name of instance more`)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "wrong.yaml"), []byte("name: x\nnmae: x\nlimits: {max_inflight: 0}\n"), 0o600))
	r = ctl("add", "wrong.yaml", "-c", "all.yaml")
	require.Equal(t, exitFailure, r.code)
	require.Regexp(t, `(?s)^troupe: the instance at .*: .*wrong.yaml:2: nmae: .*\ntroupe: .*wrong.yaml:3: limits.max_inflight: [^\n]*\n$`, r.stderr)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "more.yaml"), []byte("name: more\ndata_dir: more\nlisteners: []\n"), 0o600))
	r = ctl("reload", "more", "--data-dir", "more")
	require.Equal(t, exitDone, r.code, r.stderr)
	require.Contains(t, r.stdout, "listeners")

	client.publish("x", 1, false, "still here")
	for _, name := range []string{"b", "more"} {
		require.Equal(t, exitDone, ctl("stop", name, "--data-dir", "more").code)
	}
	s.says("the instance is stopped", `"instance":"b"`)
	require.Equal(t, exitDone, ctl("stop", "a", "-c", "all.yaml").code)
	require.Equal(t, exitDone, s.exit(t), s.log)
}

// Users of one instance are nobody to another, whatever they are called.
func TestUsersOfOneInstance(t *testing.T) {
	dir := place(t)
	const config = `data_dir: ""
instances:
- {name: a, listeners: [{name: tcp, address: "127.0.0.1:0"}], auth: {password_file: a-users}}
- {name: b, listeners: [{name: tcp, address: "127.0.0.1:0"}], auth: {password_file: b-users}}
- {name: c, listeners: [{name: tcp, address: "127.0.0.1:0"}]}
`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "all.yaml"), []byte(config), 0o600))
	for _, name := range []string{"a", "b"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+"-users"), nil, 0o600))
		r := passwd(t, dir, "secret of "+name, "set", "-c", "all.yaml", "--instance", name, "ann")
		require.Equal(t, exitDone, r.code, r.stderr)
	}
	s := serveSeveral(t, dir, nil, "-c", "all.yaml")
	as := func(password string) func(*mqtt.ClientOptions) {
		return func(o *mqtt.ClientOptions) { o.SetUsername("ann").SetPassword(password) }
	}
	refused := func(address string, change func(*mqtt.ClientOptions)) {
		t.Helper()
		o := mqtt.NewClientOptions().AddBroker("tcp://" + address).SetProtocolVersion(4).SetClientID("x").SetAutoReconnect(false)
		change(o)
		token := mqtt.NewClient(o).Connect()
		require.True(t, token.WaitTimeout(patience))
		require.Error(t, token.Error())
	}
	a, b := s.address("a"), s.address("b")
	paho3(t, a, 4, "c", as("secret of a")).publish("x", 1, false, "x")
	paho3(t, b, 4, "c", as("secret of b")).publish("x", 1, false, "x")
	refused(a, as("secret of b"))
	refused(b, as("secret of a"))
	refused(a, func(*mqtt.ClientOptions) {})
	paho3(t, s.address("c"), 4, "c", nil).publish("x", 1, false, "x")
}
