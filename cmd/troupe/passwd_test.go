package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// passwd runs troupe passwd in a directory, with that on standard input.
func passwd(t *testing.T, dir, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := exec.Command(binary, append([]string{"passwd"}, args...)...)
	c.Dir, c.Stdin, c.Stdout, c.Stderr = dir, strings.NewReader(stdin), &stdout, &stderr
	c.Env = []string{"SystemRoot=" + os.Getenv("SystemRoot")}
	err := c.Run()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return result{c.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func TestPasswd(t *testing.T) {
	dir := t.TempDir()
	require.Equal(t, result{0, "user ann is added to users\n", ""}, passwd(t, dir, "secret\n", "set", "--file", "users", "ann"))
	require.Equal(t, result{0, "user bob is added to users\n", ""}, passwd(t, dir, "no line break", "set", "--file", "users", "bob"))
	require.Equal(t, result{0, "the password of user ann is changed in users\n", ""}, passwd(t, dir, "other\r\nsecond line\n", "set", "--file", "users", "ann"))
	require.Equal(t, result{0, "ann\nbob\n", ""}, passwd(t, dir, "", "list", "--file", "users"))
	require.Equal(t, result{0, "this is the password of user ann\n", ""}, passwd(t, dir, "other", "check", "--file", "users", "ann"))
	require.Equal(t, result{0, "this is the password of user bob\n", ""}, passwd(t, dir, "no line break\n", "check", "--file", "users", "bob"))
	require.Equal(t, result{1, "", "troupe: this is not the password of user ann\n"}, passwd(t, dir, "secret", "check", "--file", "users", "ann"))
	require.Equal(t, result{1, "", "troupe: users: user \"eve\": there is no such user\n"}, passwd(t, dir, "secret", "check", "--file", "users", "eve"))
	require.Equal(t, result{0, "user ann is deleted from users\n", ""}, passwd(t, dir, "", "delete", "--file", "users", "ann"))
	require.Equal(t, result{1, "", "troupe: users: user \"ann\": there is no such user\n"}, passwd(t, dir, "", "delete", "--file", "users", "ann"))
	require.Equal(t, result{0, "bob\n", ""}, passwd(t, dir, "", "list", "--file", "users"))
	text, err := os.ReadFile(filepath.Join(dir, "users"))
	require.NoError(t, err)
	require.Regexp(t, `^bob:\$argon2id\$v=19\$m=19456,t=2,p=1\$\S+\$\S+\n$`, string(text))
}

// The file is the configured one, which need not be there yet, and is of one of
// several instances.
func TestPasswdByConfiguration(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("one.yaml", "auth: {password_file: users}\n")
	write("two.yaml", "instances: [{name: a, auth: {password_file: a-users}}, {name: b, listeners: [], auth: {password_file: b-users}}]\n")
	require.Equal(t, 2, command(t, "auth: {password_file: users}\n", nil, "check", "-c", "c.yaml").code)
	require.Equal(t, result{0, "user ann is added to users\n", ""}, passwd(t, dir, "secret", "set", "-c", "one.yaml", "ann"))
	require.Equal(t, result{0, "user ann is added to b-users\n", ""}, passwd(t, dir, "secret", "set", "-c", "two.yaml", "--instance", "b", "ann"))
	require.Equal(t, result{0, "ann\n", ""}, passwd(t, dir, "", "list", "-c", "two.yaml", "--instance", "b"))
	require.Equal(t, result{2, "", "troupe: the configuration has several instances; name one with --instance: a, b\n"}, passwd(t, dir, "", "list", "-c", "two.yaml"))
}

func TestPasswdNotAllowed(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		stdin string
		args  []string
		code  int
		want  string
	}{
		{"", []string{"list"}, 2, "no file of users is named; name one with --file, or a configuration with auth.password_file with -c"},
		{"", []string{"list", "--file="}, 2, "--file names no file"},
		{"", []string{"list", "-c", ""}, 2, "--config names no file"},
		{"", []string{"list", "-c", "none.yaml"}, 2, "none.yaml: cannot be read: no such file or directory"},
		{"", []string{"list", "--file", "u", "-c", "c.yaml"}, 2, "--file does not go with --config or --instance; leave one of them out"},
		{"", []string{"list", "--file", "u"}, 1, "u: cannot be read: no such file or directory"},
		{"", []string{"delete", "--file", "u", "ann"}, 1, "u: cannot be read: no such file or directory"},
		{"x", []string{"set", "--file", "u"}, 2, "troupe passwd set takes one argument, the name of the user; 0 were given"},
		{"x", []string{"set", "--file", "u", "ann", "secret"}, 2, "troupe passwd set takes one argument, the name of the user; 2 were given"},
		{"", []string{"set", "--file", "u", "ann"}, 1, "no password on standard input; write it in the first line there"},
		{"\nx", []string{"set", "--file", "u", "ann"}, 1, "no password on standard input; write it in the first line there"},
		{strings.Repeat("x", 70_000), []string{"set", "--file", "u", "ann"}, 1, "the first line on standard input has more than 65535 bytes, which is the most that a password can have"},
		{"x", []string{"set", "--file", "u", "a:b"}, 2, `"a:b" is no name of a user; allowed: up to 65535 bytes of text without a colon, which do not begin with # and neither begin nor end with a space`},
		{"x", []string{"set", "--file", "none/u", "ann"}, 1, "none/u cannot be edited: none/.u.lock cannot be made: no such file or directory"},
		{"", []string{"show"}, 2, `unknown command "show"; run troupe passwd --help`},
		{"", []string{"set", "--password", "x", "--file", "u", "ann"}, 2, "unknown flag: --password"},
	} {
		require.Equal(t, result{c.code, "", "troupe: " + c.want + "\n"}, passwd(t, dir, c.stdin, c.args...), "%q", c.args)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

// Processes that edit at once lose nothing of one another.
func TestPasswdAtOnce(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			c := exec.Command(binary, "passwd", "set", "--file", "users", fmt.Sprintf("user-%d", i))
			c.Dir, c.Stdin = dir, strings.NewReader("secret")
			out, err := c.CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	all.Wait()
	r := passwd(t, dir, "", "list", "--file", "users")
	require.Equal(t, 8, strings.Count(r.stdout, "\n"), r.stdout)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1)
}
