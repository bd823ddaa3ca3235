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

// upstreamURI is a URI of an upstream, taken apart.
type upstreamURI struct {
	scheme string
	host   string // without brackets; empty: a Unix socket
	port   string // that of the scheme if none was written; empty: a Unix socket
	path   string
	user   *url.Userinfo // nil: none
	bare   string        // the text without that
}

// schemes are those of upstreams, with the ports that stand for themselves.
func schemes() map[string]string {
	return map[string]string{"mqtt": "1883", "mqtts": "8883", "ws": "80", "wss": "443", "unix": ""}
}

const allowedSchemes = "allowed: mqtt, mqtts, ws, wss, unix"

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

// parseUpstream reads the URI of an upstream. What it says of one that is wrong
// does not show what may be a password.
func parseUpstream(text string) (upstreamURI, error) {
	shown := withoutCredentials(text)
	refuse := func(format string, args ...any) (upstreamURI, error) {
		return upstreamURI{}, fmt.Errorf("%q %s", shown, fmt.Sprintf(format, args...))
	}
	if text == "" {
		return upstreamURI{}, errors.New("missing; write a URI, as in mqtt://node1:1883")
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
	out := upstreamURI{scheme: scheme, host: strings.ToLower(u.Hostname()), port: port, path: u.Path, user: u.User, bare: text}
	if u.User != nil {
		authority, _, _ := strings.Cut(rest, "/")
		left := rest[strings.LastIndexByte(authority, '@')+1:]
		if out.host != "" {
			left = strings.ReplaceAll(left, "@", "%40") // of a path, so that it is not taken for the end of a user name
		}
		out.bare = text[:len(text)-len(rest)] + left
	}
	if p := u.Port(); p != "" {
		out.port = p
	}
	n, portErr := strconv.ParseUint(out.port, 10, 16)
	switch web := scheme == "ws" || scheme == "wss"; {
	case u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(rest, "?#"):
		return refuse("has a query or a fragment, which have no meaning here")
	case scheme == "unix" && (u.Host != "" || u.Path == "" || u.Path == "/"):
		return refuse("is no Unix socket; write three slashes, as in unix:///run/broker.sock")
	case scheme == "unix":
	case out.host == "":
		return refuse("has no host; write one as in %s://node1", scheme)
	case strings.Contains(out.host, ":") && !strings.HasPrefix(u.Host, "["):
		return refuse("has an IPv6 address without brackets; write it as in %s://[2001:db8::1]:1883", scheme)
	case strings.HasSuffix(u.Host, ":"):
		return refuse("has a colon and no port behind it")
	case portErr != nil || n == 0:
		return refuse("has the port %s; allowed: 1 to 65535", out.port)
	case !web && u.Path != "" && u.Path != "/":
		return refuse("has a path, which is for ws, wss and unix")
	}
	if scheme != "unix" {
		out.port = strconv.FormatUint(n, 10)
	}
	return out, nil
}

// tls tells whether the upstream is spoken to with TLS.
func (u upstreamURI) tls() bool { return u.scheme == "mqtts" || u.scheme == "wss" }

// address is what tells one upstream from another.
func (u upstreamURI) address() string {
	if u.scheme == "unix" {
		return u.path
	}
	return net.JoinHostPort(u.host, u.port)
}

// local tells whether what is sent stays on this machine.
func (u upstreamURI) local() bool {
	ip, err := netip.ParseAddr(u.host)
	return u.scheme == "unix" || u.host == "localhost" || err == nil && ip.IsLoopback()
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
	u, err := parseUpstream(text)
	if err != nil || u.user == nil {
		return withoutCredentials(text)
	}
	scheme, rest, _ := strings.Cut(u.bare, "://")
	user := url.User(u.user.Username()).String()
	if _, ok := u.user.Password(); ok {
		user += ":" + hidden
	}
	return scheme + "://" + user + "@" + rest
}
