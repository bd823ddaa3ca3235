package upstream

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
)

func TestURI(t *testing.T) {
	for _, c := range []struct{ uri, name, network, where, request string }{
		{"mqtt://broker", "mqtt://broker", "tcp", "broker:1883", ""},
		{"mqtts://user:secret@192.0.2.1", "mqtts://192.0.2.1", "tcp", "192.0.2.1:8883", ""},
		{"mqtt://[2001:db8::1]", "mqtt://[2001:db8::1]", "tcp", "[2001:db8::1]:1883", ""},
		{"mqtt://user@[fe80::1%25eth0]:9", "mqtt://[fe80::1%25eth0]:9", "tcp", "[fe80::1%eth0]:9", ""},
		{"ws://broker", "ws://broker", "tcp", "broker:80", "ws://broker/mqtt"},
		{"ws://:secret@[2001:db8::1]:8083/", "ws://[2001:db8::1]:8083/", "tcp", "[2001:db8::1]:8083", "ws://[2001:db8::1]:8083/"},
		{"wss://broker/a%20b", "wss://broker/a%20b", "tcp", "broker:443", "ws://broker/a%20b"},
		{"wss://broker:80", "wss://broker:80", "tcp", "broker:80", "ws://broker:80/mqtt"},
		{"unix:///run/broker.sock", "unix:///run/broker.sock", "unix", "/run/broker.sock", ""},
	} {
		u, err := New(configs.Upstream{URI: c.uri}, nil)
		require.NoError(t, err)
		require.Equal(t, c.name, u.Name())
		require.Equal(t, c.network, u.address.network(), c.uri)
		require.Equal(t, c.where, u.address.Address(), c.uri)
		if u.address.web() {
			require.Equal(t, c.request, u.address.request().String())
		}
	}
	_, err := New(configs.Upstream{URI: "mqtt://user:secret@broker:0"}, nil)
	require.EqualError(t, err, `upstream: "mqtt://broker:0" has the port 0; allowed: 1 to 65535`)
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
		u, err := New(configs.Upstream{URI: c.from, ClientID: "me", Username: "user", Password: "secret"}, nil)
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
		{"mqtts://a", "mqtt://b", "upstream mqtts://a: the Server Reference: mqtts is not followed to mqtt"},
		{"mqtts://a", "http://b", `"http://b" has the scheme "http"`},
		{"mqtt://a", "mqtt://x:secret@b", "credentials of its own"},
		{"mqtt://a", "b:0", "has the port 0"},
		{"ws://a", "b/c", "ws://b/c is no host"},
		{"unix:///run/a", "unix:///run/b", "refers to no other Server"},
		{"unix:///run/a", "b", "three slashes"},
	} {
		u, err := New(configs.Upstream{URI: c.from}, nil)
		require.NoError(t, err)
		_, err = u.Follow(c.reference)
		require.ErrorContains(t, err, c.want)
		require.NotContains(t, err.Error(), "secret")
	}
}
