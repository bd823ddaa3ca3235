package upstream

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
)

func TestURI(t *testing.T) {
	for _, c := range []struct{ uri, name, network, where string }{
		{"mqtt://broker", "mqtt://broker", "tcp", "broker:1883"},
		{"MQTT://broker/", "mqtt://broker/", "tcp", "broker:1883"},
		{"mqtt://broker:1", "mqtt://broker:1", "tcp", "broker:1"},
		{"mqtts://192.0.2.1", "mqtts://192.0.2.1", "tcp", "192.0.2.1:8883"},
		{"mqtts://user:secret@broker:65535", "mqtts://broker:65535", "tcp", "broker:65535"},
		{"mqtt://[2001:db8::1]", "mqtt://[2001:db8::1]", "tcp", "[2001:db8::1]:1883"},
		{"mqtt://user@[fe80::1%25eth0]:9", "mqtt://[fe80::1%25eth0]:9", "tcp", "[fe80::1%eth0]:9"},
		{"ws://broker", "ws://broker", "tcp", "broker:80"},
		{"wss://user:secret@broker/a%20b", "wss://broker/a%20b", "tcp", "broker:443"},
		{"ws://:secret@broker:8083/a@b", "ws://broker:8083/a@b", "tcp", "broker:8083"},
		{"unix:///run/broker.sock", "unix:///run/broker.sock", "unix", "/run/broker.sock"},
		{"unix:///run/a@b", "unix:///run/a@b", "unix", "/run/a@b"},
		{"unix://user:secret@/run/broker.sock", "unix:///run/broker.sock", "unix", "/run/broker.sock"},
	} {
		u, err := New(configs.Upstream{URI: c.uri})
		require.NoError(t, err)
		require.Equal(t, c.name, u.Name())
		network, where := u.address.endpoint()
		require.Equal(t, c.network, network, c.uri)
		require.Equal(t, c.where, where, c.uri)
	}
}

// TestURIBad wants what is wrong to be said, and nothing of the password.
func TestURIBad(t *testing.T) {
	for uri, want := range map[string]string{
		"":                                    "is no URI; write mqtt://host",
		"broker:1883":                         "is no URI; write mqtt://host",
		"quic://broker":                       "quic is not there yet",
		"tcp://broker":                        `the scheme "tcp" is not known; use mqtt, mqtts, ws, wss or unix`,
		"http://user:secret@broker":           `upstream "http://broker": the scheme "http" is not known`,
		"mqtt://":                             "has no host",
		"mqtt://user:secret@":                 "has no host",
		"mqtt://:1883":                        "has no host",
		"mqtt://broker:":                      "has a colon and no port",
		"mqtt://broker:0":                     "the port 0 is not from 1 to 65535",
		"mqtt://user:secret@broker:65536":     `upstream "mqtt://broker:65536": the port 65536 is not from 1 to 65535`,
		"mqtt://broker:mqtt":                  "invalid port",
		"mqtt://2001:db8::1":                  "an IPv6 address is written in brackets",
		"mqtt://[2001:db8::1":                 "is no URI",
		"mqtt://broker/path":                  "a path is for ws, wss and unix",
		"mqtt://broker?x=1":                   "a query or a fragment has no meaning here",
		"ws://broker/#x":                      "a query or a fragment has no meaning here",
		"mqtt://user:se%cret@broker":          "is written as %25, %40",
		"mqtt://user:se#cret@broker":          "is written as %25, %40",
		"mqtt://user:1/secret@broker":         "is written as %25, %40",
		"ws://user:1/secret@broker":           "is written as %25, %40",
		"mqtt://user:?secret@broker":          "is written as %25, %40",
		"unix://run/broker.sock":              "three slashes",
		"unix:///":                            "three slashes",
		"unix://user:secret@host/broker.sock": "three slashes",
	} {
		_, err := New(configs.Upstream{URI: uri})
		require.ErrorContains(t, err, want, uri)
		require.NotContains(t, err.Error(), "secret")
		require.NotContains(t, err.Error(), "cret", uri)
	}
}

func TestFollow(t *testing.T) {
	for _, c := range []struct{ from, reference, name string }{
		{"mqtt://user:secret@a", "b", "mqtt://b"},
		{"mqtt://a:7", "b:9 c", "mqtt://b:9"},
		{"mqtt://a", "[2001:db8::1]:9", "mqtt://[2001:db8::1]:9"},
		{"mqtt://a", "b:x  c/d mqtt://d:1", "mqtt://d:1"},
		{"mqtts://a", "mqtt://b mqtts://c", "mqtts://c"},
		{"ws://a/p", "b:8083", "ws://b:8083/p"},
		{"ws://a/p", "ws://b/q", "ws://b/q"},
	} {
		u, err := New(configs.Upstream{URI: c.from, ClientID: "me", Username: "user", Password: "secret"})
		require.NoError(t, err)
		next, err := u.Follow(c.reference)
		require.NoError(t, err)
		require.Equal(t, c.name, next.Name())
		require.Equal(t, "me", next.ClientID())
		require.Equal(t, "user", next.Username())
		require.Equal(t, "secret", string(next.Password()))
		require.Same(t, u.tls, next.tls)
	}
	for _, c := range []struct{ from, reference, want string }{
		{"mqtt://a", " ", "the Server Reference is empty"},
		{"mqtts://a", "mqtt://b", `upstream mqtts://a: the Server Reference "mqtt://b": mqtts is not followed to mqtt`},
		{"mqtts://a", "http://b", "not known"},
		{"mqtt://a", "mqtt://x:secret@b", "credentials of its own"},
		{"mqtt://a", "b:0", "the port 0"},
		{"ws://a", "b/c", "b/c is no host"},
		{"unix:///run/a", "unix:///run/b", "a Unix socket refers to no other Server"},
		{"unix:///run/a", "b", "three slashes"},
	} {
		u, err := New(configs.Upstream{URI: c.from})
		require.NoError(t, err)
		_, err = u.Follow(c.reference)
		require.ErrorContains(t, err, c.want)
		require.NotContains(t, err.Error(), "secret")
	}
}
