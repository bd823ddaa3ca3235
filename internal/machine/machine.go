// Package machine holds what instances may take against what the machine has:
// memory, room on the device, files. It opens nothing and changes nothing.
//
// What is larger than the machine is an error, since the instance would come to
// the end of something before its own bound, and take the others of the process
// with it: one key that is more than all there is, or several that are it
// together. What only may become too much is a warning. Rates are held against
// nothing: what a machine can do is only known by measuring.
package machine

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/troupemq/troupe/configs"
)

// Machine is what there is for this process.
type Machine struct {
	Memory int64 // bytes, by the control group or else of the machine; 0: not known
	Files  int64 // open at a time, connections among them; 0: not known, or any number
	// Device tells of the device that a directory is on, or would be; nil, and false: not known.
	Device func(dir string) (Device, bool)
}

// Device is where files are.
type Device struct {
	ID   uint64
	Size int64 // bytes
	Free int64 // bytes that this process may still write
	Used int64 // bytes that the directory asked for takes
}

// This is the machine that runs this.
func This() Machine {
	m := Machine{Files: filesMost(), Device: deviceOf}
	if memory, err := memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)(); err == nil && memory <= math.MaxInt64 {
		m.Memory = int64(memory)
	}
	return m
}

const (
	// filesOwn is how many files a process has open beside those of its instances: standard streams, loops, a log.
	filesOwn = 32
	// filesEach is how many an instance has open beside its connections: listeners, loops, the data directory, bridges.
	filesEach = 32
	// memoryShare is the share of the memory from which on bounds together are worth a warning: of four parts three.
	memoryShare = 4
)

// Check holds the instances of one process, all together, against the machine.
// Warnings name the keys; the error is [configs.Problems], one for each that is too large.
func (m Machine) Check(all ...configs.Config) (warnings []string, err error) {
	c := check{machine: m, several: len(all) > 1}
	for i := range all {
		c.memory(&all[i])
	}
	c.memoryOfAll(all)
	c.files(all)
	c.disk(all)
	if len(c.errors) == 0 {
		return c.warnings, nil
	}
	return c.warnings, c.errors
}

// check gathers what is too large.
type check struct {
	machine  Machine
	several  bool
	warnings []string
	errors   configs.Problems
}

// key is a key of an instance, by name if there are others.
func (c *check) key(i *configs.Config, key string) string {
	if c.several {
		return "instance " + i.Name + ": " + key
	}
	return key
}

func (c *check) fail(keys []string, format string, args ...any) {
	c.errors = append(c.errors, &configs.Problem{Key: strings.Join(keys, ", "), Text: fmt.Sprintf(format, args...)})
}

func (c *check) warn(format string, args ...any) {
	c.warnings = append(c.warnings, fmt.Sprintf(format, args...))
}

// share is a bound of something in memory.
type share struct {
	key   string
	bytes int64
	given bool // it is not the default
}

// shares are the bounds of what an instance keeps in memory. What has no bound is
// not among them.
func shares(i *configs.Config) []share {
	d := configs.Defaults()
	list := []share{{"session.total.memory", int64(i.Session.Total.Memory), i.Session.Total.Memory != d.Session.Total.Memory}}
	if i.DataDir == "" { // all is in memory
		list = append(list,
			share{"session.total.max_bytes", int64(i.Session.Total.MaxBytes), true},
			share{"retained.max_bytes", int64(i.Retained.MaxBytes), true})
		if m := i.Session.Total.Memory; m > 0 { // that is the bound then
			list[1].bytes = 0
		}
		return list
	}
	return append(list,
		share{"retained.memory", int64(i.Retained.Memory), i.Retained.Memory != d.Retained.Memory},
		share{"persistence.memtable", int64(i.Persistence.Memtable), i.Persistence.Memtable != d.Persistence.Memtable})
}

// about is a number of bytes that nobody has written down as it is, for people.
func about(n int64) string { return configs.Size(n).About() }

// memory holds each bound against all there is.
func (c *check) memory(i *configs.Config) {
	most := c.machine.Memory
	for _, s := range shares(i) {
		switch {
		case most <= 0 || s.bytes <= most:
		case s.given:
			c.fail([]string{c.key(i, s.key)}, "%v is more than the memory of this process, which is %v: allowed is less, or a machine or control group with more",
				configs.Size(s.bytes), about(most))
		default:
			c.warn("%s: %v, the default, is more than the memory of this process, which is %v; write less", c.key(i, s.key), configs.Size(s.bytes), about(most))
		}
	}
}

// memoryOfAll holds all bounds together against what there is.
func (c *check) memoryOfAll(all []configs.Config) {
	most := c.machine.Memory
	sum, given, keys := int64(0), int64(0), []string(nil)
	for i := range all {
		for _, s := range shares(&all[i]) {
			if s.bytes > most && most > 0 {
				return // it was said
			}
			sum += s.bytes
			if s.given && s.bytes > 0 {
				given += s.bytes
				keys = append(keys, c.key(&all[i], s.key))
			}
		}
	}
	switch {
	case most <= 0:
	case given > most:
		c.fail(keys, "%v together is more than the memory of this process, which is %v: allowed is less, or a machine or control group with more",
			about(given), about(most))
	case sum > most/memoryShare*(memoryShare-1):
		c.warn("what may be in memory of queues, retained messages and the store is %v in all, of %v that this process has, and there are connections and garbage besides; lower session.total.memory, retained.memory and persistence.memtable",
			about(sum), about(most))
	}
}

// files holds connections against what may be open.
func (c *check) files(all []configs.Config) {
	most := c.machine.Files
	sum, keys := int64(0), []string(nil)
	for i := range all {
		if n := all[i].Limits.MaxConnections; n > 0 {
			sum += min(int64(n), 1<<40)
			keys = append(keys, c.key(&all[i], "limits.max_connections"))
		}
	}
	need := sum + filesOwn + int64(len(all))*filesEach
	if most <= 0 || len(keys) == 0 || need <= most {
		return
	}
	together := ""
	if len(keys) > 1 {
		together = " together"
	}
	c.fail(keys, "%d connections%s need %d open files, and this process may have %d: allowed are %d, or a higher limit (ulimit -Hn, LimitNOFILE= of systemd)",
		sum, together, need, most, max(0, most-need+sum))
}

// kept are the bounds of what an instance keeps in its data directory: that of the
// directory, or else those of what is in it. What has no bound is not among them.
func kept(i *configs.Config) (list []share) {
	if most := int64(i.Persistence.MaxDisk); most > 0 {
		return []share{{"persistence.max_disk", most, true}}
	}
	for _, s := range []share{
		{"session.total.max_bytes", int64(i.Session.Total.MaxBytes), true},
		{"retained.max_bytes", int64(i.Retained.MaxBytes), true},
	} {
		if s.bytes > 0 {
			list = append(list, s)
		}
	}
	return list
}

// use is what instances may take of a device.
type use struct {
	device Device
	most   int64
	used   int64
	keys   []string
	dirs   []string
}

// disk holds data directories against their devices.
func (c *check) disk(all []configs.Config) {
	var devices []*use
	for i := range all {
		dir, bounds := all[i].DataDir, kept(&all[i])
		if dir == "" || len(bounds) == 0 || c.machine.Device == nil {
			continue
		}
		device, ok := c.machine.Device(dir)
		if !ok {
			continue
		}
		at := slices.IndexFunc(devices, func(u *use) bool { return u.device.ID == device.ID })
		if at < 0 {
			at = len(devices)
			devices = append(devices, &use{device: device})
		}
		u := devices[at]
		for _, s := range bounds {
			u.most += min(s.bytes, math.MaxInt64-u.most)
			u.keys = append(u.keys, c.key(&all[i], s.key))
		}
		u.used += device.Used
		u.dirs = append(u.dirs, filepath.Clean(dir))
	}
	for _, u := range devices {
		dirs, together := strings.Join(u.dirs, ", "), ""
		if len(u.keys) > 1 {
			together = " together"
		}
		switch {
		case u.most > u.device.Size:
			c.fail(u.keys, "%v%s is more than the device of %s, which has %v: allowed is less, or 0 for all of it",
				about(u.most), together, dirs, about(u.device.Size))
		case u.most > u.device.Free+u.used:
			c.warn("%s: %v%s is more than the %v that are left on the device of %s, others use the rest of it",
				strings.Join(u.keys, ", "), about(u.most), together, about(u.device.Free+u.used), dirs)
		}
	}
}
