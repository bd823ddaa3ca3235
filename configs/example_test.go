package configs

import (
	"cmp"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/internal/auth/acl"
	"github.com/troupemq/troupe/protocol/packet"
)

// Each example is a file that can be served as it is, without a warning, and
// says what its comments say.
func TestExamples(t *testing.T) {
	files := examples(t)
	holds := map[string]func(c Config){
		"bridge-ha-pair.yaml": func(c Config) {
			require.Len(t, c.Bridges[0].Endpoints(), 2)
			require.Equal(t, OrderPriority, c.Bridges[0].Order)
		},
		"bridge-edge-gateway.yaml": func(c Config) {
			require.Equal(t, BridgeDropOldest, c.Bridges[0].Queue.Overflow)
			require.True(t, c.Bridges[0].Queue.QoS0)
			require.Equal(t, 64*KiB, c.Bridges[0].Rate.BytesPerSecond)
		},
		"bridge-mesh.yaml": func(c Config) {
			require.Len(t, c.Bridges, 2)
			for _, b := range c.Bridges {
				require.Equal(t, 1, b.Hops)
				require.True(t, b.LoopGuard)
				require.Empty(t, b.Receive)
			}
		},
		"bridge-weak-upstream.yaml": func(c Config) {
			require.Equal(t, 1, c.Bridges[0].Rate.MessagesPerSecond)
			require.Equal(t, BridgeSlowPublisher, c.Bridges[0].Queue.Overflow)
			require.Equal(t, []Upstream{{URI: "mqtt://ledger.example:1883"}, {URI: "mqtt://ledger-standby.example:1883"}}, c.Bridges[0].Endpoints())
		},
	}
	holds["authentication.yaml"] = func(c Config) {
		require.False(t, c.Listeners[0].Anonymous(c.Auth))
		require.True(t, c.Listeners[1].Anonymous(c.Auth))
	}
	several := map[string]func(all []Instance){
		"instances.yaml": func(all []Instance) {
			require.Len(t, all, 3)
			require.Equal(t, filepath.Join("troupe-data", "machines"), all[0].Config.DataDir)
			require.Equal(t, DurabilityDisk, all[0].Config.Durability)
			require.Equal(t, DurabilityProcess, all[1].Config.Durability)
			require.Equal(t, OnFailureRestart, all[0].Config.Supervision.OnFailure)
			require.Equal(t, "troupe-archive", all[2].Config.DataDir)
			require.Empty(t, all[2].Config.Listeners)
		},
	}
	require.Len(t, files, len(holds)+len(several)+1)
	for _, file := range files {
		if file == "authentication-rules.yaml" { // is named by another
			continue
		}
		all, err := LoadAll([]string{file}, Inputs{})
		require.NoError(t, err)
		for _, i := range all {
			require.Empty(t, Warnings(i.Config, i.Sources), file)
		}
		if judge := several[file]; judge != nil {
			judge(all)
			continue
		}
		require.Contains(t, holds, file)
		require.Len(t, all, 1)
		holds[file](all[0].Config)
	}
}

// examples goes to a copy of the examples, with the users that one of them tells to
// make, and gives their names.
func examples(t *testing.T) []string {
	t.Helper()
	from, err := filepath.Abs("examples")
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	require.NoError(t, os.CopyFS(".", os.DirFS(from)))
	files, err := filepath.Glob("*")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile("users", []byte(someUsers), 0o600))
	return files
}

// What the comments of the example say is what its rules do.
func TestExampleOfRules(t *testing.T) {
	rules, err := acl.Read("examples/authentication-rules.yaml")
	require.NoError(t, err)
	type wish struct {
		user, topic string
		retain      bool
	}
	come := func(client, user string) (auth.Permissions, error) {
		return acl.New(rules).Permissions(t.Context(), auth.Client{ID: client, Username: user, Verified: true})
	}
	for _, client := range []string{"machine-8", "guest:1", "auto-1", "c"} {
		_, err := come(client, "machine-7")
		require.Error(t, err, client)
	}
	for client, user := range map[string]string{"machine-7": "machine-7", "machine-7:2": "machine-7", "auto-1": ""} {
		_, err := come(client, user)
		require.NoError(t, err, client)
	}
	permissions := func(user string) auth.Permissions {
		p, err := come(cmp.Or(user, "guest:1"), user)
		require.NoError(t, err)
		return p
	}
	for w, want := range map[wish]bool{
		{"scada", "safety/stop", false}:             true,
		{"eva@plant", "safety/stop", false}:         false,
		{"machine-7", "safety/stop", false}:         false,
		{"machine-7", "state/machine-7/rpm", true}:  true,
		{"machine-7", "state/machine-8/rpm", false}: false,
		{"machine-7", "commands/machine-7", false}:  false,
		{"eva@plant", "commands/machine-7", false}:  true,
		{"eva@plant", "commands/machine-7", true}:   false,
		{"eva@plant", "state/machine-7", false}:     false,
		{"", "state/machine-7/display", false}:      false,
	} {
		require.Equal(t, want, permissions(w.user).MayPublish([]byte(w.topic), packet.QoS1, w.retain), "%+v", w)
	}
	for w, want := range map[wish]bool{
		{"scada", "#", false}:                      true,
		{"scada", "$SYS/broker/#", false}:          true,
		{"eva@plant", "safety/stop", false}:        false,
		{"eva@plant", "state/#", false}:            true,
		{"eva@plant", "#", false}:                  false,
		{"machine-7", "commands/machine-7", false}: true,
		{"machine-7", "commands/+", false}:         false,
		{"", "state/+/display", false}:             true,
		{"", "state/#", false}:                     false,
	} {
		require.Equal(t, want, permissions(w.user).MaySubscribe(w.topic, packet.QoS1), "%+v", w)
	}
	require.False(t, permissions("").MaySubscribe("state/+/display", packet.QoS2))
}
