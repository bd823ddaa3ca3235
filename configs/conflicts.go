package configs

import (
	"cmp"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Conflicts tells what two of the instances both want and only one can have: a
// name, a data directory, an address where it listens, a Client Identifier
// at an upstream. Each names the key of the later of the two, and what the
// earlier has. Directories are looked for on disk, since two names may be of one.
func Conflicts(all []Instance) Problems {
	var c conflicts
	for i := range all {
		for j := range i {
			c.between(&all[i], &all[j])
		}
	}
	return c.problems
}

type conflicts struct{ problems Problems }

// add says that key of i is in conflict with otherKey of other.
func (c *conflicts) add(i *Instance, key string, other *Instance, otherKey, format string, args ...any) {
	at, there := i.place(key), other.place(otherKey)
	text := fmt.Sprintf(format, args...)
	if other.Config.Name != "" {
		text += " of instance " + other.Config.Name
	}
	if there != (Source{}) {
		text += " (" + there.String() + ": " + join(other.Entry, otherKey) + ")"
	}
	c.problems = append(c.problems, &Problem{Key: join(i.Entry, key), Source: at, Text: text})
}

// place is where the value of a key was written, or else the file that could have it.
func (i *Instance) place(key string) Source {
	at := i.Sources.of(key)
	if at.Kind == KindDefault && i.File != "" {
		at = Source{Kind: KindFile, Name: i.File}
	}
	if len(i.Sources) == 0 && i.File == "" {
		return Source{} // made by a program
	}
	return at
}

func (c *conflicts) between(i, other *Instance) {
	if name := i.Config.Name; name == other.Config.Name && name != "" {
		c.add(i, "name", other, "name", "%q is the name", name)
	}
	if mine, theirs := i.Config.DataDir, other.Config.DataDir; mine != "" && theirs != "" {
		switch a, b := resolved(mine), resolved(theirs); {
		case within(a, b) && within(b, a):
			c.add(i, "data_dir", other, "data_dir", "%q is the directory", mine)
		case within(a, b):
			c.add(i, "data_dir", other, "data_dir", "%q is inside of %q, the directory", mine, theirs)
		case within(b, a):
			c.add(i, "data_dir", other, "data_dir", "%q holds %q, the directory", mine, theirs)
		}
	}
	for _, mine := range i.Config.ports() {
		for _, theirs := range other.Config.ports() {
			if collide(mine.address, theirs.address) {
				c.add(i, mine.key, other, theirs.key, "%s is taken by %s, %s", mine.address, theirs.address, theirs.what)
			}
		}
	}
	c.identities(i, other)
}

// port is an address where an instance listens.
type port struct{ address, key, what string }

func (c *Config) ports() []port {
	var all []port
	for n, l := range c.Listeners {
		all = append(all, port{l.Address, fmt.Sprintf("listeners[%d].address", n), "listener " + l.Name})
	}
	if c.Metrics.Address != "" {
		all = append(all, port{c.Metrics.Address, "metrics.address", "the metrics"})
	}
	return all
}

// identities finds bridges of two instances that would push each other out.
func (c *conflicts) identities(i, other *Instance) {
	for n := range i.Config.Bridges {
		for m := range other.Config.Bridges {
			b, o := &i.Config.Bridges[n], &other.Config.Bridges[m]
			for k, u := range b.Endpoints() {
				for _, v := range o.Endpoints() {
					id := cmp.Or(u.ClientID, b.DefaultClientID(i.Config.Name))
					mine, err := ParseUpstream(u.URI)
					theirs, otherErr := ParseUpstream(v.URI)
					if err != nil || otherErr != nil || mine.Address() != theirs.Address() || id != cmp.Or(v.ClientID, o.DefaultClientID(other.Config.Name)) {
						continue
					}
					c.add(i, fmt.Sprintf("bridges[%d].%s", n, b.uriKey(k)), other, fmt.Sprintf("bridges[%d]", m),
						"%q is where the bridge would be %q, as is bridge %s", withoutCredentials(u.URI), id, o.Name)
				}
			}
		}
	}
}

// Strangers are bridges to instances of the process (instance://name) that none of
// all is. They wait until there is one of that name, and so are no error.
func Strangers(all []Instance) []*Problem {
	var found []*Problem
	for n := range all {
		i := &all[n]
		for m := range i.Config.Bridges {
			b := &i.Config.Bridges[m]
			for k, u := range b.Endpoints() {
				uri, err := ParseUpstream(u.URI)
				if err != nil || uri.Scheme != "instance" || slices.ContainsFunc(all, func(o Instance) bool { return o.Config.Name == uri.Host }) {
					continue
				}
				key := fmt.Sprintf("bridges[%d].%s", m, b.uriKey(k))
				found = append(found, &Problem{Key: join(i.Entry, key), Source: i.place(key), Text: fmt.Sprintf("%q names no instance of this process; the bridge waits for one", withoutCredentials(u.URI))})
			}
		}
	}
	return found
}

// resolved is the path of a directory without links, as far as it is there.
func resolved(dir string) string {
	path, err := filepath.Abs(dir)
	if err != nil {
		return filepath.Clean(dir)
	}
	for at, rest := path, ""; ; at, rest = filepath.Dir(at), filepath.Join(filepath.Base(at), rest) {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(real, rest)
		}
		if at == filepath.Dir(at) {
			return path
		}
	}
}

// within tells whether a is b or inside of it, also where two paths lead to one
// directory.
func within(a, b string) bool {
	there, err := os.Stat(b)
	for {
		if a == b {
			return true
		}
		if here, e := os.Stat(a); err == nil && e == nil && os.SameFile(here, there) {
			return true
		}
		up := filepath.Dir(a)
		if up == a {
			return false
		}
		a = up
	}
}

// collide tells whether two addresses would want the same port of the same
// address. A name other than localhost is not looked up: what it means may change.
func collide(a, b string) bool {
	hostA, portA, errA := splitAddress(a)
	hostB, portB, errB := splitAddress(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	if strings.EqualFold(hostA, hostB) || wildcard(hostA) || wildcard(hostB) {
		return true
	}
	ipA, errA := literal(hostA)
	ipB, errB := literal(hostB)
	return errA == nil && errB == nil && ipA == ipB
}

// literal is the address that host is. localhost is that of IPv4, if there is one.
func literal(host string) (netip.Addr, error) {
	if strings.EqualFold(host, "localhost") {
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	return ip.Unmap(), err
}

// wildcard tells whether host stands for all addresses. Go takes 0.0.0.0 for
// those of IPv6 too.
func wildcard(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.Unmap().IsUnspecified()
}
