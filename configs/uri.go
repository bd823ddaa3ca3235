package configs

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// UpstreamURI is a URI of an upstream, taken apart.
type UpstreamURI struct {
	Scheme string
	Host   string // without brackets, or the name of an instance; empty: a Unix socket
	Port   string // that of the scheme if none was written; empty: a Unix socket, or an instance
	Path   string
	User   *url.Userinfo // nil: none
	Bare   string        // the text without that
}

// schemes are those of upstreams, with the ports that stand for themselves.
func schemes() map[string]string {
	return map[string]string{"mqtt": "1883", "mqtts": "8883", "ws": "80", "wss": "443", "unix": "", SchemeInstance: ""}
}

// SchemeInstance is the scheme of an upstream that is another instance of the same
// process, by its name.
const SchemeInstance = "instance"

const allowedSchemes = "allowed: mqtt, mqtts, ws, wss, unix, instance"

// otherScheme is what to write for a scheme that other brokers and libraries have.
func otherScheme(scheme string) string {
	switch scheme {
	case "tcp", "mqtt-tcp", "mqtt+tcp":
		return "mqtt"
	case "ssl", "tls", "mqtt+ssl", "mqtt-ssl", "mqtt+tls", "mqtt-tls", "tls+mqtt-tcp", "tcps":
		return "mqtts"
	case "http", "websocket", "mqtt-ws", "mqtt+ws":
		return "ws"
	case "https", "mqtt-wss", "mqtt+wss":
		return "wss"
	default:
		return ""
	}
}

// ParseUpstream reads the URI of an upstream. What it says of one that is wrong
// does not show what may be a password.
func ParseUpstream(text string) (UpstreamURI, error) {
	shown := withoutCredentials(text)
	refuse := func(format string, args ...any) (UpstreamURI, error) {
		return UpstreamURI{}, fmt.Errorf("%q %s", shown, fmt.Sprintf(format, args...))
	}
	if text == "" {
		return UpstreamURI{}, errors.New("missing; write a URI, as in mqtt://node1:1883")
	}
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return refuse("is no URI; write one as in mqtt://node1:1883; %s", allowedSchemes)
	}
	scheme = strings.ToLower(scheme)
	port, ok := schemes()[scheme]
	switch other := otherScheme(scheme); {
	case ok:
	case other != "":
		return refuse("has the scheme %q; write %s://%s", scheme, other, withoutCredentials("x://" + rest)[len("x://"):])
	case scheme == "quic" || scheme == "mqtt-quic":
		return refuse("has a scheme that is not there yet; %s", allowedSchemes)
	default:
		return refuse("has the scheme %q; %s", scheme, allowedSchemes)
	}
	u, err := url.Parse(text)
	switch failure := (*url.Error)(nil); {
	case hasCredentials(rest) && (err != nil || u.User == nil): // what err says may quote a part of the password
		return refuse("is no URI; write what is special in a user name or password (%%, @, :, /, ?, #, a space) as %%25, %%40, ..., or use the keys username and password")
	case errors.As(err, &failure):
		return refuse("is no URI: %v", failure.Err)
	case err != nil:
		return refuse("is no URI: %v", err)
	}
	out := UpstreamURI{Scheme: scheme, Host: strings.ToLower(u.Hostname()), Port: port, Path: u.Path, User: u.User, Bare: text}
	if u.User != nil {
		authority, _, _ := strings.Cut(rest, "/")
		left := rest[strings.LastIndexByte(authority, '@')+1:]
		if out.Host != "" {
			left = strings.ReplaceAll(left, "@", "%40") // of a path, so that it is not taken for the end of a user name
		}
		out.Bare = text[:len(text)-len(rest)] + left
	}
	if p := u.Port(); p != "" {
		out.Port = p
	}
	if scheme == SchemeInstance {
		out.Host = u.Host // its name, in which case counts
	}
	n, portErr := strconv.ParseUint(out.Port, 10, 16)
	switch web := scheme == "ws" || scheme == "wss"; {
	case u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(rest, "?#"):
		return refuse("has a query or a fragment, which have no meaning here")
	case scheme == "unix" && (u.Host != "" || u.Path == "" || u.Path == "/"):
		return refuse("is no Unix socket; write three slashes, as in unix:///run/broker.sock")
	case scheme == SchemeInstance && !validName(out.Host):
		return refuse("does not name an instance; write its name, as in instance://plant")
	case scheme == SchemeInstance && u.Path != "" && u.Path != "/":
		return refuse("has a path, which is for ws, wss and unix")
	case scheme == "unix", scheme == SchemeInstance:
		return out, nil
	case out.Host == "":
		return refuse("has no host; write one as in %s://node1", scheme)
	case strings.Contains(out.Host, ":") && !strings.HasPrefix(u.Host, "["):
		return refuse("has an IPv6 address without brackets; write it as in %s://[2001:db8::1]:1883", scheme)
	case strings.HasSuffix(u.Host, ":"):
		return refuse("has a colon and no port behind it")
	case portErr != nil || n == 0:
		return refuse("has the port %s; allowed: 1 to 65535", out.Port)
	case !web && u.Path != "" && u.Path != "/":
		return refuse("has a path, which is for ws, wss and unix")
	}
	out.Port = strconv.FormatUint(n, 10)
	return out, nil
}

// TLS tells whether the upstream is spoken to with TLS.
func (u UpstreamURI) TLS() bool { return u.Scheme == "mqtts" || u.Scheme == "wss" }

// Address is what is dialed, and tells one upstream from another of its scheme:
// host and port, the path of a Unix socket, or the name of an instance.
func (u UpstreamURI) Address() string {
	switch u.Scheme {
	case "unix":
		return u.Path
	case SchemeInstance:
		return u.Host
	}
	return net.JoinHostPort(u.Host, u.Port)
}

// local tells whether what is sent stays on this machine.
func (u UpstreamURI) local() bool {
	ip, err := netip.ParseAddr(u.Host)
	return u.Scheme == "unix" || u.Scheme == SchemeInstance || u.Host == "localhost" || err == nil && ip.IsLoopback()
}

// hasCredentials tells whether there is user information in what follows the
// slashes of a URI, or something that was meant to be.
func hasCredentials(rest string) bool {
	return !strings.HasPrefix(rest, "/") && strings.Contains(rest, "@")
}

// withoutCredentials cuts out of a URI what may be credentials, even if they are
// not written well.
func withoutCredentials(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || !hasCredentials(rest) {
		return text
	}
	return scheme + "://" + rest[strings.LastIndexByte(rest, '@')+1:]
}

// hidden stands for a password where one is shown.
const hidden = "***"

// withoutPassword is a URI with *** in place of its password.
func withoutPassword(text string) string {
	u, err := ParseUpstream(text)
	if err != nil || u.User == nil {
		return withoutCredentials(text)
	}
	scheme, rest, _ := strings.Cut(u.Bare, "://")
	user := url.User(u.User.Username()).String()
	if _, ok := u.User.Password(); ok {
		user += ":" + hidden
	}
	return scheme + "://" + user + "@" + rest
}
