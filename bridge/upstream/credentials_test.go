package upstream

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
)

func write(t *testing.T, text string) (name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func TestCredentials(t *testing.T) {
	file := write(t, "from file\r\nnot this\n")
	for _, c := range []struct {
		name     string
		config   configs.Upstream
		username string
		password []byte
	}{
		{"none", configs.Upstream{URI: "mqtt://a"}, "", nil},
		{"keys", configs.Upstream{URI: "mqtt://a", Username: "u", Password: "p"}, "u", []byte("p")},
		{"URI first", configs.Upstream{URI: "mqtt://x:%40%2F@a", Username: "u", Password: "p", PasswordFile: "nowhere"}, "x", []byte("@/")},
		{"User Name in the URI", configs.Upstream{URI: "mqtt://x@a", Password: "p"}, "x", []byte("p")},
		{"Password in the URI", configs.Upstream{URI: "mqtt://:@a", Username: "u", Password: "p"}, "u", []byte{}},
		{"file", configs.Upstream{URI: "mqtt://a", PasswordFile: file}, "", []byte("from file")},
		{"file without an end of line", configs.Upstream{URI: "mqtt://a", PasswordFile: write(t, "p")}, "", []byte("p")},
	} {
		u, err := New(c.config, nil)
		require.NoError(t, err, c.name)
		require.Equal(t, c.username, u.Username(), c.name)
		require.Equal(t, c.password, u.Password(), c.name)
	}
	for _, name := range []string{"/nowhere/password", write(t, "\nnot this")} {
		_, err := New(configs.Upstream{URI: "mqtt://x@a", PasswordFile: name}, nil)
		require.ErrorContains(t, err, "upstream mqtt://a: password_file: ")
		require.ErrorContains(t, err, name)
	}
}
