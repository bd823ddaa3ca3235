package password

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/auth"
)

// cheap is a hash of password that costs nothing.
func cheap(password string) string {
	h := &hash{memory: 8, iterations: 1, threads: 1, salt: []byte("saltsalt")}
	h.key = h.derive([]byte(password), 16)
	return h.String()
}

func users(t testing.TB, text string) *Users {
	t.Helper()
	u, err := parse("users", []byte(text))
	require.NoError(t, err)
	return u
}

// The hash of the reference implementation for this salt and these costs.
func TestHashIsThatOfOthers(t *testing.T) {
	// printf password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 24 -e, and the same with one thread more
	for _, text := range []string{
		"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
	} {
		h, err := parseHash(text)
		require.NoError(t, err)
		require.True(t, h.matches([]byte("password")), text)
		require.False(t, h.matches([]byte("Password")))
		require.Equal(t, text, h.String())
	}
}

func TestNewHash(t *testing.T) {
	h := newHash([]byte("secret"))
	require.Regexp(t, `^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`, h.String())
	again, err := parseHash(h.String())
	require.NoError(t, err)
	require.Equal(t, h, again)
	require.True(t, again.matches([]byte("secret")))
	require.NotEqual(t, h.salt, newHash([]byte("secret")).salt)
}

func TestRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "users")
	_, err := Read(name)
	require.EqualError(t, err, name+": cannot be read: no such file or directory")
	text := "\ufeff# users of the plant\r\n\r\nann:" + cheap("a") + "\r\n  # more\n\njosé with spaces:" + cheap("b") + " \nno-newline:" + cheap("c")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	u, err := Read(name)
	require.NoError(t, err)
	require.Equal(t, []string{"ann", "josé with spaces", "no-newline"}, u.Names())
	require.Equal(t, 3, u.Len())
	for name, password := range map[string]string{"ann": "a", "josé with spaces": "b", "no-newline": "c"} {
		known, right := u.Check(name, []byte(password))
		require.True(t, known && right, name)
		known, right = u.Check(name, []byte(password+"x"))
		require.True(t, known && !right, name)
	}
	known, right := u.Check("bob", []byte("a"))
	require.False(t, known || right)
	require.Zero(t, users(t, "").Len())
}

// Each wrong line is told, and what stands there is not, for it may be a password.
func TestWrongLines(t *testing.T) {
	const salt, key = "c29tZXNhbHQ", "bQk8UB/VmZZF4Oo79iDXuA"
	right := fmt.Sprintf("$argon2id$v=19$m=8,t=1,p=1$%s$%s", salt, key)
	const again = "set the password with troupe passwd set"
	for text, want := range map[string]string{
		"secret":                                    "users:1: has no colon; a line is NAME:HASH, as troupe passwd set writes it",
		"ann:secret":                                `users:1: user "ann": what is behind the name is no hash; ` + again,
		"ann:":                                      `users:1: user "ann": what is behind the name is no hash; ` + again,
		"ann:$7$101$secret$x":                       `users:1: user "ann": has a hash of mosquitto_passwd, which is not known here; ` + again,
		"ann:$2b$12$secret":                         `users:1: user "ann": has a hash of bcrypt, which is not known here; ` + again,
		"ann:$argon2i$secret":                       `users:1: user "ann": has a hash of argon2i; allowed: argon2id; ` + again,
		"ann:$secret":                               `users:1: user "ann": has a hash of a kind that is not known here; allowed: argon2id; ` + again,
		"ann:$argon2id$v=19":                        `users:1: user "ann": has a hash that is cut off or too long; it has the form $argon2id$v=19$m=19456,t=2,p=1$SALT$KEY; ` + again,
		"ann:" + right + "$x":                       `users:1: user "ann": has a hash that is cut off or too long; it has the form $argon2id$v=19$m=19456,t=2,p=1$SALT$KEY; ` + again,
		replaced(right, "v=19", "v=16"):             `users:1: user "ann": has a hash of another version of Argon2; allowed: v=19; ` + again,
		replaced(right, ",p=1", ""):                 `users:1: user "ann": has a hash without its cost; it has the form m=19456,t=2,p=1; ` + again,
		replaced(right, "t=1", "t=x"):               `users:1: user "ann": has a hash whose cost t is no number; ` + again,
		replaced(right, "p=1", "p=1 "):              `users:1: user "ann": has a hash whose cost p is no number; ` + again,
		replaced(right, "p=1", "p=0"):               `users:1: user "ann": has a hash with p=0; allowed: 1 to 255`,
		replaced(right, "p=1", "p=2"):               `users:1: user "ann": has a hash with m=8, in KiB; allowed: 16 to 1048576`,
		replaced(right, "m=8", "m=9999999"):         `users:1: user "ann": has a hash with m=9999999, in KiB; allowed: 8 to 1048576`,
		replaced(right, "t=1", "t=65"):              `users:1: user "ann": has a hash with t=65; allowed: 1 to 64`,
		replaced(right, salt, "c29t"):               `users:1: user "ann": has a hash whose salt has 3 bytes; allowed: 8 to 64; ` + again,
		replaced(right, key, "?"):                   `users:1: user "ann": has a hash whose key is no base64 without padding; ` + again,
		replaced(right, key, key+"=="):              `users:1: user "ann": has a hash whose key is no base64 without padding; ` + again,
		":" + right:                                 "users:1: the name of the user is empty; allowed: up to 65535 bytes of text without a colon, which do not begin with # and neither begin nor end with a space",
		" ann:" + right:                             `users:1: " ann" is no name of a user; allowed: up to 65535 bytes of text without a colon, which do not begin with # and neither begin nor end with a space`,
		"a\x00b:" + right:                           `users:1: "a\x00b" is no name of a user; allowed: up to 65535 bytes of text without a colon, which do not begin with # and neither begin nor end with a space`,
		"ann:" + right + "\n\nann:" + right + "\nx": "users:3: user \"ann\" is in line 1 already; leave one of them\nusers:4: has no colon; a line is NAME:HASH, as troupe passwd set writes it",
	} {
		u, err := parse("users", []byte(text))
		require.Nil(t, u)
		var problems auth.FileProblems
		require.True(t, errors.As(err, &problems), "%q: %v", text, err)
		lines := make([]string, len(problems))
		for i, p := range problems {
			lines[i] = p.Error()
		}
		require.Equal(t, want, strings.Join(lines, "\n"), text)
		require.NotContains(t, err.Error(), "secret")
	}
}

func replaced(hash, old, new string) string { return "ann:" + strings.Replace(hash, old, new, 1) }

func FuzzParse(f *testing.F) {
	f.Add([]byte("# c\nann:" + cheap("a") + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		u, err := parse("users", text)
		require.Equal(t, err == nil, u != nil)
	})
}

func TestSame(t *testing.T) {
	text := "ann:" + cheap("a") + "\n"
	require.True(t, users(t, text).Same(users(t, text)))
	require.False(t, users(t, text).Same(users(t, "ann:"+cheap("b")+"\n")))
}
