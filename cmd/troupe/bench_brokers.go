package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/troupemq/troupe/bench"
	benchpeer "github.com/troupemq/troupe/bench/peer"
)

// reachWithin is how long a target may take to accept a connection before anything is measured.
const reachWithin = 5 * time.Second

// brokers are what is to be measured: targets that run already, and peers to start.
type brokers struct {
	peers, peerFiles, binaries []string
	null                       bool
	targets, pids              []string
	username, password, tlsCA  string
	insecure                   bool
}

func (b *brokers) addFlags(f *pflag.FlagSet) {
	b.addPeerFlags(f)
	f.StringSliceVar(&b.peers, "peer", nil, "`names` of brokers to start, in this order; the first is what the others are held against (default troupe, if there is no --target)")
	f.BoolVar(&b.null, "null", runtime.GOOS == "linux", "measure the null broker too: the ceiling of this machine")
	f.StringArrayVar(&b.targets, "target", nil, "a broker that runs already, as `name=URI`; the URI is mqtt://host:port, mqtts://, ws:// or wss://")
	f.StringArrayVar(&b.pids, "pid", nil, "`name=PID` of a target's process on this machine, to measure what it uses")
	f.StringVar(&b.username, "username", "", "user name for the targets")
	f.StringVar(&b.password, "password", "", "password for the targets; better in the environment, as TROUPE_BENCH_PASSWORD")
	f.StringVar(&b.tlsCA, "tls-ca", "", "PEM `file` of the authority that the targets' certificates are of")
	f.BoolVar(&b.insecure, "insecure", false, "take any certificate of the targets")
}

func (b *brokers) addPeerFlags(f *pflag.FlagSet) {
	f.StringArrayVar(&b.peerFiles, "peer-file", nil, "`file` with the definition of another broker, which --peer names then")
	f.StringArrayVar(&b.binaries, "binary", nil, "use this binary for a peer, as `name=path`; new:name=path makes another peer of it, which --peer names then")
}

// definitions are those shipped and those of files, with the binaries that flags give them.
func (b *brokers) definitions() ([]benchpeer.Definition, error) {
	all := benchpeer.Definitions()
	for _, file := range b.peerFiles {
		d, err := benchpeer.Load(file)
		if err != nil {
			return nil, usageError{err}
		}
		all = slices.DeleteFunc(all, func(other benchpeer.Definition) bool { return other.Name == d.Name })
		all = append(all, d)
	}
	for _, text := range b.binaries {
		name, path, ok := strings.Cut(text, "=")
		if !ok || path == "" {
			return nil, usageError{fmt.Errorf("--binary: %q is not name=path", text)}
		}
		name, of, another := strings.Cut(name, ":")
		if !another {
			of = name
		}
		d, err := named(all, of)
		if err != nil {
			return nil, usageError{fmt.Errorf("--binary: %w", err)}
		}
		if !another {
			*d = d.With(path)
			continue
		}
		if _, err := named(all, name); name == "" || err == nil {
			return nil, usageError{fmt.Errorf("--binary: %q needs a name of its own before the colon", text)}
		}
		other := d.With(path)
		other.Name = name
		all = append(all, other)
	}
	return all, nil
}

func named(all []benchpeer.Definition, name string) (*benchpeer.Definition, error) {
	var names []string
	for i := range all {
		if all[i].Name == name {
			return &all[i], nil
		}
		names = append(names, all[i].Name)
	}
	return nil, fmt.Errorf("peer %q is not known; there are %s, and --peer-file adds one", name, strings.Join(names, ", "))
}

// chosen are the definitions of the peers that are to be started, in their order.
func (b *brokers) chosen() ([]benchpeer.Definition, error) {
	all, err := b.definitions()
	if err != nil {
		return nil, err
	}
	names := b.peers
	if len(names) == 0 && len(b.targets) == 0 {
		names = []string{"troupe"}
	}
	if b.null && !slices.Contains(names, "null") {
		names = append(slices.Clone(names), "null")
	}
	var chosen []benchpeer.Definition
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return nil, usageError{fmt.Errorf("--peer: %s is named twice", name)}
		}
		d, err := named(all, name)
		if err != nil {
			return nil, usageError{fmt.Errorf("--peer: %w", err)}
		}
		chosen = append(chosen, *d)
	}
	return chosen, nil
}

// running are the targets.
func (b *brokers) running() ([]bench.Target, error) {
	if len(b.targets) == 0 {
		for flag, set := range map[string]bool{"pid": len(b.pids) > 0, "username": b.username != "", "password": b.password != "", "tls-ca": b.tlsCA != "", "insecure": b.insecure} {
			if set {
				return nil, usageError{fmt.Errorf("--%s is about targets, and there is no --target", flag)}
			}
		}
		return nil, nil
	}
	security, err := b.security()
	if err != nil {
		return nil, err
	}
	password := b.password
	if password == "" {
		password = os.Getenv("TROUPE_BENCH_PASSWORD")
	}
	var targets []bench.Target
	for _, text := range b.targets {
		t := bench.Target{TLS: security, Username: b.username, Password: password}
		name, uri, ok := strings.Cut(text, "=")
		if !ok || strings.Contains(name, "://") { // an = in the URI
			name, uri = "", text
		}
		u, err := endpoint(uri)
		if err != nil {
			return nil, usageError{fmt.Errorf("--target: %w", err)}
		}
		if t.Name, t.URI = name, uri; name == "" {
			t.Name = u.Host
		}
		if slices.ContainsFunc(targets, func(other bench.Target) bool { return other.Name == t.Name }) {
			return nil, usageError{fmt.Errorf("--target: %s is there twice; name them apart, as a=%s", t.Name, uri)}
		}
		targets = append(targets, t)
	}
	return targets, b.processes(targets)
}

// processes notes the PIDs. A single target's needs no name.
func (b *brokers) processes(targets []bench.Target) error {
	for _, text := range b.pids {
		name, number, ok := strings.Cut(text, "=")
		if !ok {
			name, number = targets[0].Name, text
			if len(targets) > 1 {
				return usageError{fmt.Errorf("--pid: %q is not name=PID, and there are several targets", text)}
			}
		}
		i := slices.IndexFunc(targets, func(t bench.Target) bool { return t.Name == name })
		if i < 0 {
			return usageError{fmt.Errorf("--pid: there is no target %q", name)}
		}
		pid, err := strconv.Atoi(number)
		if err != nil || pid <= 0 {
			return usageError{fmt.Errorf("--pid: %q is no process", number)}
		}
		targets[i].PID = pid
	}
	return nil
}

func endpoint(uri string) (*url.URL, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" || !slices.Contains([]string{"mqtt", "mqtts", "ws", "wss"}, u.Scheme) {
		return nil, fmt.Errorf("%q is not allowed; allowed: mqtt://host:port, mqtts://host:port, ws://host:port/path, wss://host:port/path, with name= before it", uri)
	}
	return u, nil
}

func (b *brokers) security() (*tls.Config, error) {
	if b.tlsCA == "" && !b.insecure {
		return nil, nil
	}
	c := &tls.Config{InsecureSkipVerify: b.insecure}
	if b.tlsCA != "" {
		text, err := os.ReadFile(b.tlsCA)
		if err != nil {
			return nil, usageError{fmt.Errorf("--tls-ca: %w", err)}
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, usageError{fmt.Errorf("--tls-ca: %s has no certificate in PEM form", b.tlsCA)}
		}
	}
	return c, nil
}

// reach finds out at once that a target is not there.
func reach(ctx context.Context, targets []bench.Target) error {
	var failed []error
	for _, t := range targets {
		u, err := endpoint(t.URI)
		if err != nil {
			return err
		}
		port := u.Port()
		if port == "" {
			port = map[string]string{"mqtt": "1883", "mqtts": "8883", "ws": "80", "wss": "443"}[u.Scheme]
		}
		bounded, cancel := context.WithTimeout(ctx, reachWithin)
		conn, err := new(net.Dialer).DialContext(bounded, "tcp", net.JoinHostPort(u.Hostname(), port))
		cancel()
		if err != nil {
			failed = append(failed, fmt.Errorf("target %s at %s cannot be reached: %w; does the broker run, and listen there?", t.Name, t.URI, err))
			continue
		}
		_ = conn.Close() // it said nothing
	}
	return errors.Join(failed...)
}
