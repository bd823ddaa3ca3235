package configs

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxPacketSize is the largest packet that MQTT can express: a Remaining Length
// of 268,435,455 and five bytes of fixed header.
const maxPacketSize = Size(268_435_455 + 5)

// Validate tells what is not allowed in c, as [Problems]; nil if all is well.
// Each names the key, the value and what is allowed. It reads the files that are
// named, such as those with users, rules and certificates.
func (c *Config) Validate() error {
	var v validation
	v.check(validName(c.Name), "name", "%q is not a name; allowed: 1 to 64 letters, digits, '.', '-' or '_'", c.Name)
	v.check(c.DataDir == "" || validDirectory(c.DataDir), "data_dir", "%q is not a directory; name one, or \"\" to keep nothing on disk", c.DataDir)
	v.choice("durability", string(c.Durability), c.Durability)
	v.persistence(&c.Persistence)
	v.listeners(c.Listeners)
	v.auth(c)
	v.limits(&c.Limits)
	v.shares(c)
	v.session(&c.Session)
	v.number("retained.max_messages", c.Retained.MaxMessages, 0, math.MaxInt)
	v.size("retained.max_bytes", c.Retained.MaxBytes, 0, math.MaxInt64)
	v.size("retained.memory", c.Retained.Memory, 0, math.MaxInt64)
	v.bridges(c)
	v.pause("sys.interval", c.Sys.Interval, Duration(100*time.Millisecond))
	v.metrics(c)
	v.choice("log.level", string(c.Log.Level), c.Log.Level)
	v.choice("log.format", string(c.Log.Format), c.Log.Format)
	v.duration("shutdown.grace_period", c.Shutdown.GracePeriod, 0)
	v.supervision(&c.Supervision)
	return v.problems.err()
}

// validation collects what Validate finds.
type validation struct{ problems Problems }

func (v *validation) persistence(p *Persistence) {
	v.duration("persistence.flush_interval", p.FlushInterval, Duration(time.Millisecond))
	v.number("persistence.flush_messages", p.FlushMessages, 1, math.MaxInt)
	v.size("persistence.memtable", p.Memtable, MiB, GiB)
	v.size("persistence.min_free", p.MinFree, 0, math.MaxInt64)
	v.choice("persistence.on_error", string(p.OnError), p.OnError)
}

func (v *validation) limits(l *Limits) {
	v.number("limits.max_connections", l.MaxConnections, 0, math.MaxInt)
	v.size("limits.max_packet_size", l.MaxPacketSize, 256*Byte, maxPacketSize)
	v.number("limits.receive_maximum", l.ReceiveMaximum, 1, math.MaxUint16)
	v.number("limits.max_inflight", l.MaxInflight, 1, math.MaxUint16)
	v.number("limits.topic_alias_maximum", l.TopicAliasMaximum, 0, math.MaxUint16)
	v.seconds("limits.server_keep_alive", l.ServerKeepAlive, math.MaxUint16)
	v.duration("limits.connect_timeout", l.ConnectTimeout, Duration(time.Millisecond))
	v.number("limits.topic_levels", l.TopicLevels, 0, math.MaxUint16)
	v.number("limits.event_loops", l.EventLoops, 0, 1024)
}

func (v *validation) session(s *Session) {
	v.seconds("session.expiry_maximum", s.ExpiryMaximum, math.MaxUint32)
	v.pause("session.passivate_after", s.PassivateAfter, Duration(time.Second))
	v.number("session.total.max_messages", s.Total.MaxMessages, 0, math.MaxInt)
	v.size("session.total.max_bytes", s.Total.MaxBytes, 0, math.MaxInt64)
	v.number("session.queue.max_messages", s.Queue.MaxMessages, 1, math.MaxInt)
	v.size("session.queue.max_bytes", s.Queue.MaxBytes, 1, math.MaxInt64)
	v.pause("session.queue.max_age", s.Queue.MaxAge, Duration(time.Millisecond))
	v.pause("session.queue.patience", s.Queue.Patience, Duration(time.Millisecond))
	v.choice("session.queue.overflow", string(s.Queue.Overflow), s.Queue.Overflow)
}

func (v *validation) listeners(list []Listener) {
	names := map[string]int{}
	for i, l := range list {
		key := fmt.Sprintf("listeners[%d].", i)
		if l.Name == "" {
			v.add(key+"name", "missing; every listener needs a name of its own")
		} else if first, taken := names[l.Name]; taken {
			v.add(key+"name", "%q is the name of listeners[%d] already; every listener needs a name of its own", l.Name, first)
		} else {
			names[l.Name] = i
		}
		v.transport(key+"transport", l.Transport)
		v.tlsServer(key+"tls.", l)

		if _, _, err := splitAddress(l.Address); err != nil {
			v.add(key+"address", "%q is not an address: %v; write host:port, as in 127.0.0.1:1883", l.Address, err)
			continue
		}
		if first := slices.IndexFunc(list[:i], func(o Listener) bool { return collide(l.Address, o.Address) }); first >= 0 {
			v.add(key+"address", "%s is the address of listeners[%d] already", l.Address, first)
		}
	}
}

func (v *validation) metrics(c *Config) {
	const key = "metrics.address"
	address := c.Metrics.Address
	if address == "" {
		return
	}
	if _, _, err := splitAddress(address); err != nil {
		v.add(key, "%q is not an address: %v; write host:port, as in 127.0.0.1:9641, or \"\" for none", address, err)
		return
	}
	if taken := slices.IndexFunc(c.Listeners, func(l Listener) bool { return collide(address, l.Address) }); taken >= 0 {
		v.add(key, "%s is the address of listeners[%d] already", address, taken)
	}
}

func (v *validation) transport(key string, t Transport) {
	switch t {
	case "ws", "wss", "quic", "unix":
		v.add(key, "%s is not there yet; allowed: tcp, tls", t)
	default:
		v.choice(key, string(t), t)
	}
}

func (v *validation) add(key, format string, args ...any) {
	v.problems = append(v.problems, &Problem{Key: key, Text: fmt.Sprintf(format, args...)})
}

func (v *validation) check(ok bool, key, format string, args ...any) {
	if !ok {
		v.add(key, format, args...)
	}
}

func (v *validation) choice(key, value string, c choice) {
	for _, word := range c.allowed() {
		if word == value {
			return
		}
	}
	v.add(key, "%q is not allowed; allowed: %s", value, strings.Join(c.allowed(), ", "))
}

func (v *validation) number(key string, value, low, high int) {
	if high == math.MaxInt {
		v.check(value >= low, key, "%d is not allowed; allowed: %d or more", value, low)
		return
	}
	v.check(value >= low && value <= high, key, "%d is not allowed; allowed: %d to %d", value, low, high)
}

func (v *validation) size(key string, value, low, high Size) {
	if high == math.MaxInt64 {
		v.check(value >= low, key, "%v is not allowed; allowed: %v or more", value, low)
		return
	}
	v.check(value >= low && value <= high, key, "%v is not allowed; allowed: %v to %v", value, low, high)
}

func (v *validation) duration(key string, value, low Duration) {
	v.check(value >= low, key, "%v is not allowed; allowed: %v or more", value, low)
}

// pause is a duration that 0 switches off.
func (v *validation) pause(key string, value, low Duration) {
	v.check(value == 0 || value >= low, key, "%v is not allowed; allowed: 0s, or %v or more", value, low)
}

// seconds is a duration that MQTT carries as a number of seconds.
func (v *validation) seconds(key string, value Duration, high int64) {
	whole := value.Std()%time.Second == 0
	v.check(whole && value >= 0 && value.Std() <= time.Duration(high)*time.Second, key,
		"%v is not allowed; allowed: whole seconds from 0s to %ds", value, high)
}

func validName(name string) bool {
	for _, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && !(r >= '0' && r <= '9') && !strings.ContainsRune(".-_", r) {
			return false
		}
	}
	return len(name) >= 1 && len(name) <= 64
}

// validDirectory tells whether a system can have a directory of that name.
func validDirectory(name string) bool {
	return strings.TrimSpace(name) != "" && !strings.ContainsRune(name, 0)
}

// splitAddress takes host:port apart, the port a number.
func splitAddress(address string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(address)
	if err != nil {
		if e := (*net.AddrError)(nil); errors.As(err, &e) {
			err = errors.New(e.Err) // without the address, which the caller names
		}
		return "", "", err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", "", fmt.Errorf("port %q is not a number from 0 to 65535", port)
	}
	return host, strconv.FormatUint(n, 10), nil
}

// loopback tells whether only this machine can reach l. A host name other than
// localhost is not looked up: what it means may change.
func (l Listener) loopback() bool {
	host, _, err := splitAddress(l.Address)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
