package configs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	someUsers = "ann:$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc\n"
	someRules = "rules:\n- {permission: allow, users: ann, topics: '#'}\n"
)

// written puts text into a file of a directory of its own.
func written(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

// A listener that the world can reach lets nobody in unless it says so, or there
// is a way to say who one is.
func TestAnonymousOnLoopbackAlone(t *testing.T) {
	no, users, rules := false, written(t, someUsers), written(t, someRules)
	for address, loopback := range map[string]bool{
		"127.0.0.1:1883": true, "127.255.0.1:1883": true, "localhost:1883": true, "[::1]:1883": true, "[::ffff:127.0.0.1]:1883": true,
		":1883": false, "0.0.0.0:1883": false, "[::]:1883": false, "192.168.0.1:1883": false, "localhost.example:1883": false, "broker:1883": false,
	} {
		for _, auth := range []Auth{{}, {PasswordFile: users}, {ACLFile: rules}, {users, rules}} {
			c := Defaults()
			c.Auth = auth
			c.Listeners = []Listener{{Name: "a", Address: address, Transport: TransportTCP}}
			l := &c.Listeners[0]
			known := auth.PasswordFile != ""
			require.Equal(t, loopback && auth == Auth{}, l.Anonymous(auth), address)
			require.Equal(t, known || l.Anonymous(auth), c.Validate() == nil, "%s %+v", address, auth)

			l.AllowAnonymous = yes()
			require.True(t, l.Anonymous(auth), address)
			require.NoError(t, c.Validate(), address)

			l.AllowAnonymous = &no
			require.False(t, l.Anonymous(auth), address)
			require.Equal(t, known || loopback, c.Validate() == nil, address)
			if warnings := Warnings(c, nil); loopback && !known {
				require.Len(t, warnings, 1)
				require.Equal(t, "listeners[0].allow_anonymous: false lets nobody in at "+address+", since there are no users; write an auth.password_file with users, or true, which lets everyone of this machine in", warnings[0].Error())
			} else {
				require.NotContains(t, fmt.Sprint(warnings), "allow_anonymous")
			}
		}
	}
}

func TestListenersThatLetNobodyIn(t *testing.T) {
	c := Defaults()
	c.Listeners[0].Address = ":1883"
	require.EqualError(t, c.Validate(), "listeners[0].allow_anonymous: false lets nobody in at :1883, which is not loopback, since there are no users; allowed: an auth.password_file with users, user names from certificates (tls.username), true, which lets everyone in, or an address such as 127.0.0.1:1883")
	c = Defaults()
	c.Auth.ACLFile = written(t, someRules)
	require.EqualError(t, c.Validate(), "listeners[0].allow_anonymous: false, as it is with auth, lets nobody in at 127.0.0.1:1883, since there are no users; allowed: true, which lets everyone of this machine in, or an auth.password_file with users")
}

// Who wrote a line that makes a default wrong is told which.
func TestSourceOfAListenerThatLetsNobodyIn(t *testing.T) {
	rules := written(t, someRules)
	file := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(file, []byte("auth:\n  acl_file: "+rules+"\n"), 0o600))
	_, _, err := Load(Inputs{File: file})
	require.ErrorContains(t, err, file+":2: listeners[0].allow_anonymous: false, as it is with auth")
}

// Names from certificates are a way in.
func TestCertificatesLetIn(t *testing.T) {
	var v validation
	l := Listener{Address: ":8883", Transport: TransportTLS, TLS: TLSServer{Username: UsernameSAN}}
	v.wayIn("", l, Auth{})
	require.Empty(t, v.problems)
	l.TLS.Username = UsernameConnect
	v.wayIn("", l, Auth{})
	require.Len(t, v.problems, 1)
}

func TestFilesOfAuth(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none")
	for _, f := range []struct {
		auth Auth
		want []string
	}{
		{Auth{PasswordFile: missing}, []string{"auth.password_file: FILE: cannot be read: no such file or directory; make it with troupe passwd set, or name another file"}},
		{Auth{PasswordFile: t.TempDir()}, []string{"auth.password_file: FILE: cannot be read: is a directory"}},
		{Auth{PasswordFile: written(t, "# users\nann:secret\nbob\n")}, []string{
			`auth.password_file: FILE:2: user "ann": what is behind the name is no hash; set the password with troupe passwd set`,
			"auth.password_file: FILE:3: has no colon; a line is NAME:HASH, as troupe passwd set writes it"}},
		{Auth{PasswordFile: written(t, someUsers), ACLFile: missing}, []string{"auth.acl_file: FILE: cannot be read: no such file or directory; name a file with rules, or leave it out, which allows everything"}},
		{Auth{PasswordFile: written(t, someUsers), ACLFile: written(t, "rules:\n- {permission: allow, topcs: a}\n- {}\n")}, []string{
			"auth.acl_file: FILE:2: rules[0].topcs: unknown key; did you mean topics?", "auth.acl_file: FILE:3: rules[1]: permission is missing", "auth.acl_file: FILE:3: rules[1]: topics is missing"}},
	} {
		c := Defaults()
		c.Auth = f.auth
		problems, _ := c.Validate().(Problems)
		require.Len(t, problems, len(f.want))
		file := f.auth.ACLFile
		if file == "" {
			file = f.auth.PasswordFile
		}
		for i, p := range problems {
			require.Equal(t, strings.Replace(f.want[i], "FILE", file, 1), p.Error())
		}
	}
}

func TestWarningsOfAuth(t *testing.T) {
	c := Defaults()
	c.Auth.PasswordFile = written(t, "# nobody\n")
	require.NoError(t, os.Chmod(c.Auth.PasswordFile, 0o604))
	require.NoError(t, c.Validate())
	var got []string
	for _, w := range Warnings(c, nil) {
		got = append(got, w.Error())
	}
	require.Equal(t, []string{
		"auth.password_file: " + c.Auth.PasswordFile + " has no users, so that nobody is known by a password; add one with troupe passwd set",
		"auth.password_file: " + c.Auth.PasswordFile + " can be read or changed by every user of this machine (mode 0604): write chmod o= " + c.Auth.PasswordFile,
	}, got)

	c.Auth.PasswordFile = written(t, someUsers)
	require.Empty(t, Warnings(c, nil))
	c.Listeners[0].Address = "192.0.2.1:1883"
	require.NoError(t, c.Validate())
	warnings := Warnings(c, nil)
	require.Len(t, warnings, 1)
	require.EqualError(t, warnings[0], "listeners[0].transport: tcp carries the passwords of Clients, and all messages, so that everyone on the way to 192.0.2.1:1883 can read them; write tls")
}

// Another file holds at once; one where there was none needs a restart, and so
// does what that changes of listeners.
func TestChangesOfAuth(t *testing.T) {
	none, some := Defaults(), Defaults()
	some.Auth.PasswordFile = "users"
	other := some
	other.Auth.PasswordFile = "others"
	_, restart := Changes(some, other)
	require.Empty(t, restart)
	other.Auth.ACLFile = "rules"
	_, restart = Changes(some, other)
	require.Equal(t, []string{"auth.acl_file"}, restart)
	for _, c := range [][2]Config{{none, some}, {some, none}} {
		_, restart = Changes(c[0], c[1])
		require.Equal(t, []string{"listeners[0].allow_anonymous", "auth.password_file"}, restart)
	}
}

// What is printed is what applies, with auth and without.
func TestPrintedAnonymous(t *testing.T) {
	for auth, want := range map[Auth]string{{}: "allow_anonymous: true", {PasswordFile: "users"}: "allow_anonymous: false"} {
		c := Defaults()
		c.Auth = auth
		var out strings.Builder
		require.NoError(t, WriteYAML(&out, c, nil))
		require.Contains(t, out.String(), want)
		require.Nil(t, c.Listeners[0].AllowAnonymous)
	}
}
