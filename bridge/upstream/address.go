package upstream

import (
	"net/url"
	"strings"

	"github.com/troupemq/troupe/configs"
)

// defaultPath of a WebSocket is the one that brokers offer it on.
const defaultPath = "/mqtt"

// address is where an upstream is.
type address struct{ configs.UpstreamURI }

func parse(text string) (address, error) {
	uri, err := configs.ParseUpstream(text)
	return address{uri}, err
}

func (a address) web() bool { return a.Scheme == "ws" || a.Scheme == "wss" }

// network is what package net calls the way to Address.
func (a address) network() string {
	if a.Scheme == "unix" {
		return "unix"
	}
	return "tcp"
}

// request is the URL to ask for a WebSocket, on a connection that has TLS already if it is to have any.
func (a address) request() *url.URL {
	host := a.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if a.Scheme == "ws" && a.Port != "80" || a.Scheme == "wss" && a.Port != "443" {
		host += ":" + a.Port
	}
	path := a.Path
	if path == "" {
		path = defaultPath
	}
	return &url.URL{Scheme: "ws", Host: host, Path: path}
}
