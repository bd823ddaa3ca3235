package machine_test

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/machine"
)

const gib = int64(configs.GiB)

// small is a machine with 1 GiB of memory, 1024 files, and two devices of 10 GiB
// of which half is used by others.
var small = machine.Machine{Memory: gib, Files: 1024, Device: func(dir string) (machine.Device, bool) {
	id := uint64(1)
	if filepath.Dir(dir) == "/b" {
		id = 2
	}
	return machine.Device{ID: id, Size: 10 * gib, Free: 5 * gib}, dir != "unknown"
}}

func instance(name string, change func(*configs.Config)) configs.Config {
	c := configs.Defaults()
	c.Name, c.DataDir = name, "/a/"+name
	change(&c)
	return c
}

func TestOneInstance(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*configs.Config)
		err     string
		warning string
	}{
		"defaults": {func(*configs.Config) {}, "", ""},
		"queues in memory": {func(c *configs.Config) { c.Session.Total.Memory = 2 * configs.GiB },
			"session.total.memory: 2GiB is more than the memory of this process, which is 1.0 GiB: allowed is less, or a machine or control group with more", ""},
		"retained messages in memory": {func(c *configs.Config) { c.Retained.Memory = 2 * configs.GiB },
			"retained.memory: 2GiB is more than the memory of this process, which is 1.0 GiB: allowed is less, or a machine or control group with more", ""},
		"on disk there may be more": {func(c *configs.Config) { c.Session.Total.MaxBytes, c.Retained.MaxBytes = 2*configs.GiB, 2*configs.GiB }, "", ""},
		"without a directory not": {func(c *configs.Config) { c.DataDir, c.Session.Total.MaxBytes = "", 2*configs.GiB },
			"session.total.max_bytes: 2GiB is more than the memory of this process, which is 1.0 GiB: allowed is less, or a machine or control group with more", ""},
		"nor retained messages": {func(c *configs.Config) { c.DataDir, c.Retained.MaxBytes = "", 2*configs.GiB },
			"retained.max_bytes: 2GiB is more than the memory of this process, which is 1.0 GiB: allowed is less, or a machine or control group with more", ""},
		"unless there is another bound": {func(c *configs.Config) {
			c.DataDir, c.Session.Total.MaxBytes, c.Session.Total.Memory = "", 2*configs.GiB, 100*configs.MiB
		}, "", ""},
		"keys together": {func(c *configs.Config) { c.Session.Total.Memory, c.Retained.Memory = 600*configs.MiB, 600*configs.MiB },
			"session.total.memory, retained.memory: 1.2 GiB together is more than the memory of this process, which is 1.0 GiB: allowed is less, or a machine or control group with more", ""},
		"with the defaults": {func(c *configs.Config) { c.Session.Total.Memory = 600 * configs.MiB },
			"", "what may be in memory of queues, retained messages and the store is 864.0 MiB in all, of 1.0 GiB that this process has, and there are connections and garbage besides; lower session.total.memory, retained.memory and persistence.memtable"},
		"connections": {func(c *configs.Config) { c.Limits.MaxConnections = 1000 },
			"limits.max_connections: 1000 connections need 1064 open files, and this process may have 1024: allowed are 960, or a higher limit (ulimit -Hn, LimitNOFILE= of systemd)", ""},
		"as many as allowed": {func(c *configs.Config) { c.Limits.MaxConnections = 960 }, "", ""},
		"device": {func(c *configs.Config) { c.Persistence.MaxDisk = 11 * configs.GiB },
			"persistence.max_disk: 11.0 GiB is more than the device of /a/x, which has 10.0 GiB: allowed is less, or 0 for all of it", ""},
		"what others left": {func(c *configs.Config) { c.Persistence.MaxDisk = 6 * configs.GiB },
			"", "persistence.max_disk: 6.0 GiB is more than the 5.0 GiB that are left on the device of /a/x, others use the rest of it"},
		"queues on the device": {func(c *configs.Config) { c.Session.Total.MaxBytes = 11 * configs.GiB },
			"session.total.max_bytes: 11.0 GiB is more than the device of /a/x, which has 10.0 GiB: allowed is less, or 0 for all of it", ""},
		"retained messages on the device": {func(c *configs.Config) { c.Retained.MaxBytes = 11 * configs.GiB },
			"retained.max_bytes: 11.0 GiB is more than the device of /a/x, which has 10.0 GiB: allowed is less, or 0 for all of it", ""},
		"both on the device": {func(c *configs.Config) { c.Session.Total.MaxBytes, c.Retained.MaxBytes = 6*configs.GiB, 6*configs.GiB },
			"session.total.max_bytes, retained.max_bytes: 12.0 GiB together is more than the device of /a/x, which has 10.0 GiB: allowed is less, or 0 for all of it", ""},
		"queues beside what others left": {func(c *configs.Config) { c.Session.Total.MaxBytes = 6 * configs.GiB },
			"", "session.total.max_bytes: 6.0 GiB is more than the 5.0 GiB that are left on the device of /a/x, others use the rest of it"},
		"more than there is": {func(c *configs.Config) { c.Session.Total.MaxBytes, c.Retained.MaxBytes = math.MaxInt64, math.MaxInt64 },
			"session.total.max_bytes, retained.max_bytes: 8.0 EiB together is more than the device of /a/x, which has 10.0 GiB: allowed is less, or 0 for all of it", ""},
		"the directory has a bound": {func(c *configs.Config) {
			c.Session.Total.MaxBytes, c.Retained.MaxBytes, c.Persistence.MaxDisk = 11*configs.GiB, 11*configs.GiB, configs.GiB
		}, "", ""},
		"not known": {func(c *configs.Config) { c.DataDir, c.Persistence.MaxDisk = "unknown", 11*configs.GiB }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			warnings, err := small.Check(instance("x", c.change))
			if c.err == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, c.err)
			}
			if c.warning == "" {
				require.Empty(t, warnings)
			} else {
				require.Equal(t, []string{c.warning}, warnings)
			}
			warnings, err = machine.Machine{}.Check(instance("x", c.change))
			require.NoError(t, err, "nothing is known of the machine")
			require.Empty(t, warnings)
		})
	}
}

func TestDefaultsOnATinyMachine(t *testing.T) {
	warnings, err := machine.Machine{Memory: 128 << 20}.Check(configs.Defaults())
	require.NoError(t, err)
	require.Equal(t, []string{"retained.memory: 256MiB, the default, is more than the memory of this process, which is 128.0 MiB; write less"}, warnings)
}

// Each fits, and all together do not.
func TestSeveralInstances(t *testing.T) {
	a := instance("a", func(c *configs.Config) {
		c.Session.Total.Memory, c.Limits.MaxConnections, c.Persistence.MaxDisk = 600*configs.MiB, 600, 6*configs.GiB
	})
	b := a
	b.Name, b.DataDir = "b", "/a/b"
	_, err := small.Check(a, b)
	var problems configs.Problems
	require.ErrorAs(t, err, &problems)
	var texts []string
	for _, p := range problems {
		texts = append(texts, p.Error())
	}
	require.Equal(t, []string{
		"instance a: session.total.memory, instance b: session.total.memory: 1.2 GiB together is more than the memory of this process, which is 1.0 GiB: allowed is less, or a machine or control group with more",
		"instance a: limits.max_connections, instance b: limits.max_connections: 1200 connections together need 1296 open files, and this process may have 1024: allowed are 928, or a higher limit (ulimit -Hn, LimitNOFILE= of systemd)",
		"instance a: persistence.max_disk, instance b: persistence.max_disk: 12.0 GiB together is more than the device of /a/a, /a/b, which has 10.0 GiB: allowed is less, or 0 for all of it",
	}, texts)
	b.DataDir, b.Session.Total.Memory, b.Limits.MaxConnections = "/b/b", 0, 10
	warnings, err := small.Check(a, b)
	require.NoError(t, err, "another device")
	require.Len(t, warnings, 3)
}

func TestThisMachine(t *testing.T) {
	m := machine.This()
	require.Positive(t, m.Memory)
	d, ok := m.Device(filepath.Join(t.TempDir(), "not", "there"))
	if ok {
		require.Positive(t, d.Size)
		require.LessOrEqual(t, d.Free, d.Size)
	}
	_, err := m.Check(configs.Defaults())
	require.NoError(t, err)
}
