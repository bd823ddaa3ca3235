package configs

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/internal/auth/acl"
	"github.com/troupemq/troupe/internal/auth/password"
)

// auth judges the files of users and rules, and finds listeners that nobody could
// come in by.
func (v *validation) auth(c *Config) {
	if name := c.Auth.PasswordFile; name != "" {
		_, err := password.Read(name)
		v.contentsOf("auth.password_file", name, err, "make it with troupe passwd set, or name another file")
	}
	if name := c.Auth.ACLFile; name != "" {
		_, err := acl.Read(name)
		v.contentsOf("auth.acl_file", name, err, "name a file with rules, or leave it out, which allows everything")
	}
	for i, l := range c.Listeners {
		if _, _, err := splitAddress(l.Address); err == nil {
			v.wayIn(fmt.Sprintf("listeners[%d].", i), l, c.Auth)
		}
	}
}

// contentsOf adds what is wrong with a file, each thing for itself. way is the way
// out if it is not there.
func (v *validation) contentsOf(key, name string, err error, way string) {
	if err == nil {
		return
	}
	if _, missing := os.Stat(name); missing != nil {
		v.file(key, fmt.Errorf("%w; %s", err, way))
		return
	}
	var problems auth.FileProblems
	if !errors.As(err, &problems) {
		v.file(key, err)
	}
	for _, p := range problems {
		v.file(key, p)
	}
}

// wayIn finds a listener that lets nobody in.
func (v *validation) wayIn(key string, l Listener, a Auth) {
	switch {
	case l.hasWayIn(a):
	case !l.loopback():
		v.add(key+"allow_anonymous", "false lets nobody in at %s, which is not loopback, since there are no users; allowed: an auth.password_file with users, user names from certificates (tls.username), true, which lets everyone in, or an address such as 127.0.0.1:1883", l.Address)
		v.problems[len(v.problems)-1].blame = key + "address"
	case l.AllowAnonymous == nil:
		v.add(key+"allow_anonymous", "false, as it is with auth, lets nobody in at %s, since there are no users; allowed: true, which lets everyone of this machine in, or an auth.password_file with users", l.Address)
		v.problems[len(v.problems)-1].blame = "auth.acl_file"
	}
}

// authWarnings tells who can read the passwords, what nobody can use, and where nobody
// comes in.
func (v *validation) authWarnings(c Config) {
	for i, l := range c.Listeners {
		if l.AllowAnonymous != nil && l.loopback() && !l.hasWayIn(c.Auth) {
			v.add(fmt.Sprintf("listeners[%d].allow_anonymous", i), "false lets nobody in at %s, since there are no users; write an auth.password_file with users, or true, which lets everyone of this machine in", l.Address)
		}
	}
	users, err := password.Read(c.Auth.PasswordFile)
	if c.Auth.PasswordFile == "" || err != nil {
		return
	}
	if users.Len() == 0 {
		v.add("auth.password_file", "%s has no users, so that nobody is known by a password; add one with troupe passwd set", c.Auth.PasswordFile)
	}
	if runtime.GOOS == "windows" { // which has no such bits
		return
	}
	if info, err := os.Stat(c.Auth.PasswordFile); err == nil && info.Mode().Perm()&0o007 != 0 {
		v.add("auth.password_file", "%s can be read or changed by every user of this machine (mode %04o): write chmod o= %s", c.Auth.PasswordFile, info.Mode().Perm(), c.Auth.PasswordFile)
	}
	for i, l := range c.Listeners {
		if l.Transport == TransportTCP && !l.loopback() {
			v.add(fmt.Sprintf("listeners[%d].transport", i), "tcp carries the passwords of Clients, and all messages, so that everyone on the way to %s can read them; write tls", l.Address)
		}
	}
}

// hasWayIn tells whether there may be somebody who is let in.
func (l Listener) hasWayIn(a Auth) bool {
	return l.Anonymous(a) || a.PasswordFile != "" || l.Transport == TransportTLS && l.TLS.FromCertificate()
}

// Given tells whether anything is said about who may connect and what he may do.
func (a Auth) Given() bool { return a != Auth{} }

// Anonymous tells whether Clients may connect to l without credentials: what
// AllowAnonymous says, else whether the address is a loopback one of an instance
// that says nothing about who may connect.
func (l Listener) Anonymous(a Auth) bool {
	if l.AllowAnonymous != nil {
		return *l.AllowAnonymous
	}
	return !a.Given() && l.loopback()
}

// decided is c with what the listeners do not say about anonymous Clients written
// out.
func decided(c Config) Config {
	listeners := make([]Listener, len(c.Listeners))
	for i, l := range c.Listeners {
		anonymous := l.Anonymous(c.Auth)
		l.AllowAnonymous = &anonymous
		listeners[i] = l
	}
	if c.Listeners != nil {
		c.Listeners = listeners
	}
	return c
}
