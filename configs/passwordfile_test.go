package configs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The file is known before it is there, and whatever else is wrong.
func TestPasswordFile(t *testing.T) {
	find := func(text, instance string, environ ...string) (string, error) {
		file := filepath.Join(t.TempDir(), "c.yaml")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return PasswordFile([]string{file}, instance, Inputs{Environ: environ})
	}
	for _, c := range []struct{ text, instance, want string }{
		{"", "", ""},
		{"auth: {password_file: users}\nnmae: x\n", "", "users"},
		{"name: a\nauth: {password_file: users}\n", "a", "users"},
		{"auth: {password_file: shared}\ninstances: [{name: a}, {name: b, auth: {password_file: own}}]\n", "a", "shared"},
		{"auth: {password_file: shared}\ninstances: [{name: a}, {name: b, auth: {password_file: own}}]\n", "b", "own"},
	} {
		got, err := find(c.text, c.instance)
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
	got, err := find("auth: {password_file: users}", "", "TROUPE_AUTH_PASSWORD_FILE=others")
	require.NoError(t, err)
	require.Equal(t, "others", got)
	got, err = PasswordFile(nil, "", Inputs{Environ: []string{"TROUPE_AUTH_PASSWORD_FILE=others"}})
	require.NoError(t, err)
	require.Equal(t, "others", got)

	_, err = find("instances: [{name: a}, {name: b}]", "")
	require.EqualError(t, err, "the configuration has several instances; name one with --instance: a, b")
	_, err = find("instances: [{name: a}, {name: b}]", "c")
	require.EqualError(t, err, `--instance: there is no instance "c" in the configuration; there are: a, b`)
	_, err = find("name: [", "")
	require.ErrorContains(t, err, "did not find expected node content")
}
