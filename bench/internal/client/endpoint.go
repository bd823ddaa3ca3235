package client

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
)

// Endpoint is where a broker listens, and how to speak to it.
type Endpoint struct {
	URI       string // as it was given
	Address   string // host:port
	Host      string
	Secure    bool   // TLS
	WebSocket string // the URL for it; empty: bare MQTT
}

// ParseEndpoint reads mqtt://host:port, mqtts://, ws:// or wss:// with a path. Without a port it is the usual one, without
// a path of a WebSocket it is /mqtt.
func ParseEndpoint(uri string) (Endpoint, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return Endpoint{}, fmt.Errorf("target %q: %w", uri, err)
	}
	port := map[string]string{"mqtt": "1883", "mqtts": "8883", "ws": "80", "wss": "443"}[u.Scheme]
	switch {
	case port == "" || u.Host == "":
		return Endpoint{}, fmt.Errorf("target %q: not mqtt://host:port, mqtts://, ws:// or wss://", uri)
	case u.Hostname() == "":
		return Endpoint{}, fmt.Errorf("target %q: no host", uri)
	case u.User != nil:
		return Endpoint{}, fmt.Errorf("target %q: user name and password have places of their own", u.Redacted())
	case u.Port() != "":
		port = u.Port()
	}
	e := Endpoint{URI: uri, Host: u.Hostname(), Address: net.JoinHostPort(u.Hostname(), port)}
	switch u.Scheme {
	case "mqtts", "wss":
		e.Secure = true
	}
	switch u.Scheme {
	case "mqtt", "mqtts":
		if u.Path != "" && u.Path != "/" {
			return Endpoint{}, fmt.Errorf("target %q: a path is for ws:// and wss:// alone", uri)
		}
	default:
		if u.Path == "" {
			u.Path = "/mqtt"
		}
		e.WebSocket = u.String()
	}
	return e, nil
}

// Loopback tells whether the host is a numeric IPv4 address of the loopback, so that any address of 127.0.0.0/8 reaches it.
func (e Endpoint) Loopback() bool {
	a, err := netip.ParseAddr(e.Host)
	return err == nil && a.Is4() && a.IsLoopback()
}
