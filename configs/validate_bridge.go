package configs

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/troupemq/troupe/protocol/topic"
)

func (v *validation) bridges(c *Config) {
	names := map[string]int{}
	for i := range c.Bridges {
		b, key := &c.Bridges[i], fmt.Sprintf("bridges[%d].", i)
		if !validName(b.Name) {
			v.add(key+"name", "%q is not a name; allowed: 1 to 64 letters, digits, '.', '-' or '_'", b.Name)
		} else if first, taken := names[b.Name]; taken {
			v.add(key+"name", "%q is the name of bridges[%d] already; every bridge needs a name of its own", b.Name, first)
		} else {
			names[b.Name] = i
		}
		v.bridge(key, b)
		if b.Acknowledge == AcknowledgeRemote {
			v.check(c.DataDir != "", key+"acknowledge", "remote needs a data directory, where what waits for the upstream is kept; allowed: local, or a data_dir")
			v.check(c.Durability != DurabilityMemory, key+"acknowledge", "remote does not go with durability: memory, with which nothing waits to be acknowledged; allowed: local, or another durability")
		}
		v.upstreams(key, b)
		v.itself(key, b, c.Name)
		v.rules(key, b)
	}
	v.identities(c)
	v.circles(c.Bridges)
}

// bridge judges the values of one bridge.
func (v *validation) bridge(key string, b *Bridge) {
	v.choice(key+"order", string(b.Order), b.Order)
	v.duration(key+"failback_after", b.FailbackAfter, 0)
	v.choice(key+"resend", string(b.Resend), b.Resend)
	v.number(key+"protocol", b.Protocol, 3, 5)
	v.seconds(key+"keep_alive", b.KeepAlive, math.MaxUint16)
	v.seconds(key+"session_expiry", b.SessionExpiry, math.MaxUint32)
	v.duration(key+"connect_timeout", b.ConnectTimeout, Duration(time.Millisecond))
	v.duration(key+"health.interval", b.Health.Interval, Duration(100*time.Millisecond))
	v.duration(key+"health.timeout", b.Health.Timeout, Duration(100*time.Millisecond))
	v.pause(key+"health.ack_timeout", b.Health.AckTimeout, Duration(time.Second))
	v.duration(key+"backoff.initial", b.Backoff.Initial, Duration(10*time.Millisecond))
	if b.Backoff.Initial >= Duration(10*time.Millisecond) {
		v.check(b.Backoff.Maximum >= b.Backoff.Initial, key+"backoff.maximum",
			"%v is not allowed; allowed: %v, which is backoff.initial, or more", b.Backoff.Maximum, b.Backoff.Initial)
	}
	v.number(key+"max_inflight", b.MaxInflight, 1, math.MaxUint16)
	v.size(key+"queue.memory", b.Queue.Memory, KiB, math.MaxInt64)
	v.size(key+"queue.spool", b.Queue.Spool, 0, math.MaxInt64)
	v.number(key+"queue.max_messages", b.Queue.MaxMessages, 0, math.MaxInt)
	v.pause(key+"queue.max_age", b.Queue.MaxAge, Duration(time.Millisecond))
	v.choice(key+"queue.overflow", string(b.Queue.Overflow), b.Queue.Overflow)
	v.number(key+"rate.messages_per_second", b.Rate.MessagesPerSecond, 0, math.MaxInt)
	v.size(key+"rate.bytes_per_second", b.Rate.BytesPerSecond, 0, math.MaxInt64)
	v.choice(key+"acknowledge", string(b.Acknowledge), b.Acknowledge)
	v.number(key+"hops", b.Hops, 0, math.MaxInt)

	drops := b.Queue.Overflow == BridgeDropOldest || b.Queue.Overflow == BridgeDropNewest
	v.check(b.Acknowledge != AcknowledgeRemote || !drops, key+"acknowledge",
		"remote does not go with queue.overflow: %s, since what is dropped is never acknowledged; allowed: local, or queue.overflow: slow-publisher", b.Queue.Overflow)
	v.check(b.Hops <= 0 || b.LoopGuard, key+"hops", "%d has no meaning with loop_guard: false, which is what counts; allowed: 0, or loop_guard: true", b.Hops)
	if before5(b) {
		v.check(b.Hops <= 0, key+"hops", "%d does not go with protocol: %d, which cannot say how far a message has come; allowed: 0, or protocol: 5", b.Hops, b.Protocol)
		v.check(!b.FollowServerReference, key+"follow_server_reference", "true does not go with protocol: %d, which has no Server Reference; allowed: false, or protocol: 5", b.Protocol)
	}
	if b.StateTopic != "" {
		err := topic.ValidateName(b.StateTopic)
		v.check(err == nil, key+"state_topic", "%q is not a Topic Name: %v", b.StateTopic, err)
		v.check(!reserved(b.StateTopic), key+"state_topic", "%q is a topic of the server; allowed: one that does not begin with $SYS/", b.StateTopic)
	}
}

// before5 tells whether b speaks a version that has no properties.
func before5(b *Bridge) bool { return b.Protocol == 3 || b.Protocol == 4 }

// reserved tells whether a Topic Name or Topic Filter is the server's own.
func reserved(name string) bool { return strings.HasPrefix(name, "$SYS/") }

// upstreams judges where a bridge connects to, and what it is let in with.
func (v *validation) upstreams(key string, b *Bridge) {
	switch {
	case len(b.Upstreams) > 0 && (b.Server != "" || b.BackupServer != ""):
		wrong := "server"
		if b.Server == "" {
			wrong = "backup_server"
		}
		v.add(key+wrong, "does not go with upstreams; write it there, in its place among them")
		return
	case len(b.Upstreams) == 0 && b.Server == "" && b.BackupServer != "":
		v.add(key+"backup_server", "does not go without server; name the first upstream there")
		return
	case len(b.Upstreams) == 0 && b.Server == "":
		v.add(key+"upstreams", "missing; name at least one, as in [\"mqtt://node1:1883\"]")
		return
	}
	v.credentials(key, b.ClientID, b.Username, b.Password, b.PasswordFile)
	written, complete := b.written(), b.Endpoints()
	encrypted, seen := false, map[string]int{}
	for i := range written {
		uri, err := ParseUpstream(written[i].URI)
		if err != nil {
			v.add(key+b.uriKey(i), "%v", err)
			encrypted = true // not known
			continue
		}
		if first, taken := seen[uri.Scheme+uri.Address()]; taken {
			v.add(key+b.uriKey(i), "%q is what %s is already", withoutCredentials(written[i].URI), b.uriKey(first))
		} else {
			seen[uri.Scheme+uri.Address()] = i
		}
		at := fmt.Sprintf("%supstreams[%d].", key, i)
		v.credentials(at, written[i].ClientID, written[i].Username, written[i].Password, written[i].PasswordFile)
		if uri.User != nil {
			v.check(written[i].Username == "" && written[i].Password == "" && written[i].PasswordFile == "", at+"uri",
				"%q has a user name, and there are keys for it and the password too; write them in one place", withoutCredentials(written[i].URI))
		}
		v.check(!before5(b) || complete[i].Username != "" || complete[i].Password == "" && complete[i].PasswordFile == "",
			key+b.uriKey(i), "has a password and no user name, which does not go with protocol: %d; name a user, or allow protocol: 5", b.Protocol)
		encrypted = encrypted || uri.TLS()
		if uri.TLS() {
			v.trust(key, at, written[i].TLS, complete[i].TLS)
		} else if name := firstSet(written[i].TLS); name != "" {
			v.add(at+"tls."+name, "has no meaning with %s; write mqtts or wss, or leave it out", uri.Scheme)
		}
	}
	if name := firstSet(b.TLS); name != "" && !encrypted {
		v.add(key+"tls."+name, "has no meaning, since no upstream has mqtts or wss; write one of them, or leave it out")
	}
}

// credentials judges those of a bridge, or of one of its upstreams.
func (v *validation) credentials(key, clientID, username, password, passwordFile string) {
	for _, text := range []struct {
		name, value string
		longest     int
	}{
		{"client_id", clientID, 65535 - len("-probe")},
		{"username", username, 65535},
		{"password", password, 65535},
	} {
		switch valid := utf8.ValidString(text.value) && !strings.ContainsRune(text.value, 0); {
		case !valid && text.name != "password":
			v.add(key+text.name, "%q is not text that MQTT can carry", text.value)
		case len(text.value) > text.longest:
			v.add(key+text.name, "has %d bytes; allowed: up to %d", len(text.value), text.longest)
		}
	}
	if passwordFile == "" {
		return
	}
	if password != "" {
		v.add(key+"password_file", "does not go with password; leave one of them out")
		return
	}
	if err := checkPasswordFile(passwordFile); err != nil {
		v.file(key+"password_file", err)
	}
}

// trust judges the files of TLS of an upstream, and says it where they were
// written: at the upstream, or at the bridge, and there once.
func (v *validation) trust(bridge, upstream string, own, all TLSClient) {
	at := func(name, own string) string {
		if own != "" {
			return upstream + "tls." + name
		}
		return bridge + "tls." + name
	}
	if all.CAFile != "" {
		_, err := ReadCertificates(all.CAFile)
		v.once(at("ca_file", own.CAFile), err, true)
	}
	switch certKey, keyKey := at("cert_file", own.CertFile), at("key_file", own.KeyFile); {
	case all.CertFile != "" && all.KeyFile != "":
		_, key, err := ReadPair(all.CertFile, all.KeyFile)
		if key {
			certKey = keyKey
		}
		v.once(certKey, err, true)
	case all.CertFile != "":
		v.once(certKey, fmt.Errorf("%s is of no use without key_file; name its key there", all.CertFile), false)
	case all.KeyFile != "":
		v.once(keyKey, fmt.Errorf("%s is of no use without cert_file; name its certificate there", all.KeyFile), false)
	}
	for name := range strings.SplitSeq(all.ALPN, ",") {
		if len(strings.TrimSpace(name)) > 255 {
			v.once(at("alpn", own.ALPN), fmt.Errorf("a protocol has %d bytes; allowed: up to 255", len(strings.TrimSpace(name))), false)
		}
	}
}

// once adds what is wrong with a key of which that is not known yet, or with the
// file that it names.
func (v *validation) once(key string, err error, file bool) {
	if err == nil {
		return
	}
	for _, p := range v.problems {
		if p.Key == key {
			return
		}
	}
	v.problems = append(v.problems, &Problem{Key: key, Text: err.Error(), file: file})
}

// firstSet is the first key of t that is set; empty: none.
func firstSet(t TLSClient) string {
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"ca_file", t.CAFile != ""}, {"cert_file", t.CertFile != ""}, {"key_file", t.KeyFile != ""},
		{"server_name", t.ServerName != ""}, {"alpn", t.ALPN != ""}, {"insecure", t.Insecure},
	} {
		if f.set {
			return f.name
		}
	}
	return ""
}

// identities finds Client Identifiers with which bridges would take each other's
// place at an upstream, and those that one Session cannot have.
func (v *validation) identities(c *Config) {
	type identity struct{ address, clientID string }
	taken := map[identity]int{}
	for i := range c.Bridges {
		b, key := &c.Bridges[i], fmt.Sprintf("bridges[%d].", i)
		first := ""
		for j, u := range b.Endpoints() {
			inherit(&u.ClientID, b.DefaultClientID(c.Name))
			if j == 0 {
				first = u.ClientID
			}
			v.check(!b.SharedSession || u.ClientID == first, fmt.Sprintf("%supstreams[%d].client_id", key, j),
				"%q is not that of the first upstream, %q, which shared_session needs it to be; leave it out", u.ClientID, first)
			uri, err := ParseUpstream(u.URI)
			if err != nil {
				continue
			}
			id := identity{uri.Address(), u.ClientID}
			if other, ok := taken[id]; ok && other != i {
				v.add(key+b.uriKey(j), "%q is where bridges[%d] is %q too, so that each would push the other out; give them different client_id", withoutCredentials(u.URI), other, u.ClientID)
			} else {
				taken[id] = i
			}
		}
	}
}
