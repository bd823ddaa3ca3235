package upstream

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// The schemes of URIs, and the ports that stand for themselves.
const (
	schemeTCP       = "mqtt"
	schemeTLS       = "mqtts"
	schemeWebSocket = "ws"
	schemeWebTLS    = "wss"
	schemeUnix      = "unix"
)

// defaultPath of a WebSocket is the one that brokers offer it on.
const defaultPath = "/mqtt"

// address is a URI without credentials.
type address struct {
	scheme string
	host   string // without brackets; empty: a Unix socket
	port   string // empty: that of the scheme
	path   string // of the Unix socket, or of the WebSocket; empty: none was written
}

// parse reads a URI. No error tells the credentials that are in it.
func parse(text string) (address, *url.Userinfo, error) {
	shown := withoutCredentials(text)
	refuse := func(format string, a ...any) (address, *url.Userinfo, error) {
		return address{}, nil, fmt.Errorf("upstream %q: %s", shown, fmt.Sprintf(format, a...))
	}
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		return refuse("is no URI; write mqtt://host, or mqtts, ws, wss or unix")
	}
	scheme = strings.ToLower(scheme)
	switch scheme {
	case schemeTCP, schemeTLS, schemeWebSocket, schemeWebTLS, schemeUnix:
	case "quic":
		return refuse("quic is not there yet; use mqtts")
	default:
		return refuse("the scheme %q is not known; use mqtt, mqtts, ws, wss or unix", scheme)
	}
	u, err := url.Parse(text)
	secret := hasAt(rest)
	switch failure := (*url.Error)(nil); {
	case secret && (err != nil || u.User == nil): // the text of err may quote a part of the password
		return refuse("is no URI; what is special in one (%%, @, :, /, ?, #, a space) is written as %%25, %%40, … in a User Name or a Password")
	case errors.As(err, &failure):
		return refuse("is no URI: %v", failure.Err)
	case err != nil:
		return refuse("is no URI: %v", err)
	}
	a := address{scheme: scheme, host: u.Hostname(), port: u.Port(), path: u.Path}
	switch n, err := strconv.ParseUint(a.port, 10, 16); {
	case u.RawQuery != "" || u.Fragment != "":
		return refuse("a query or a fragment has no meaning here; special characters of a User Name or Password are written as %%3F, %%23, …")
	case scheme == schemeUnix && (u.Host != "" || a.path == "" || a.path == "/"):
		return refuse("a Unix socket is written with three slashes: unix:///path/to/socket")
	case scheme == schemeUnix:
	case a.host == "":
		return refuse("has no host")
	case strings.Contains(a.host, ":") && !strings.HasPrefix(u.Host, "["):
		return refuse("an IPv6 address is written in brackets: %s://[2001:db8::1]:1883", scheme)
	case a.port != "" && (err != nil || n == 0):
		return refuse("the port %s is not from 1 to 65535", a.port)
	case strings.HasSuffix(u.Host, ":"):
		return refuse("has a colon and no port")
	case !a.web() && a.path != "" && a.path != "/":
		return refuse("a path is for ws, wss and unix")
	}
	return a, u.User, nil
}

// hasAt says whether there are credentials in what follows the first slashes of a URI, or something that was meant to be.
func hasAt(rest string) bool { return !strings.HasPrefix(rest, "/") && strings.Contains(rest, "@") }

// withoutCredentials cuts out what may be credentials, if they are not well-formed too.
func withoutCredentials(text string) string {
	scheme, rest, found := strings.Cut(text, "://")
	if found && hasAt(rest) {
		return scheme + "://" + rest[strings.LastIndexByte(rest, '@')+1:]
	}
	return text
}

func (a address) secure() bool { return a.scheme == schemeTLS || a.scheme == schemeWebTLS }

func (a address) web() bool { return a.scheme == schemeWebSocket || a.scheme == schemeWebTLS }

// String is the URI as it was written, without credentials.
func (a address) String() string {
	return (&url.URL{Scheme: a.scheme, Host: a.authority(), Path: a.path}).String()
}

// authority is the host, with the port if one was written.
func (a address) authority() string {
	host := a.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if a.port != "" {
		host += ":" + a.port
	}
	return host
}

// endpoint is what is dialed: network and address.
func (a address) endpoint() (network, where string) {
	port := a.port
	switch {
	case a.scheme == schemeUnix:
		return "unix", a.path
	case port != "":
	case a.scheme == schemeTLS:
		port = "8883"
	case a.scheme == schemeWebSocket:
		port = "80"
	case a.scheme == schemeWebTLS:
		port = "443"
	default:
		port = "1883"
	}
	return "tcp", net.JoinHostPort(a.host, port)
}
