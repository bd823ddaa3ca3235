package main

import (
	"context"
	"crypto/subtle"
	"path/filepath"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/topic"
)

// tenant is a customer.
type tenant struct {
	Name              string `json:"name"`
	Address           string `json:"address"`
	Connections       int    `json:"connections"`         // at most
	MessagesPerSecond int    `json:"messages_per_second"` // at most, all Clients together
	Users             users  `json:"users"`
}

// config is that of the tenant's broker.
func (t tenant) config(dir string) configs.Config {
	c := configs.Defaults()
	c.Name = t.Name
	c.DataDir = ""
	if dir != "" {
		c.DataDir = filepath.Join(dir, t.Name)
	}
	nobody := false // without credentials
	c.Listeners = []configs.Listener{{Name: "tcp", Address: t.Address, Transport: configs.TransportTCP, AllowAnonymous: &nobody}}
	c.Limits.MaxConnections = t.Connections
	c.Limits.Rate.MessagesPerSecond = t.MessagesPerSecond
	c.Supervision.OnFailure = configs.OnFailureRestart
	return c
}

// users are those of one tenant, by name. They judge who Clients are and what they
// may do.
type users map[string]user

type user struct {
	Password string `json:"password"` // a real service keeps a hash, in the form of troupe passwd, say
	Topics   string `json:"topics"`   // Topic Filter of what the user may publish and subscribe to
}

// Authenticate implements troupe.Authenticator.
func (u users) Authenticate(_ context.Context, c troupe.Client) error {
	known, ok := u[c.Username]
	if !ok || subtle.ConstantTimeCompare([]byte(known.Password), c.Password) != 1 {
		return &troupe.Refusal{Code: packet.BadUserNameOrPassword, Reason: "unknown user or wrong password"}
	}
	return nil
}

// Permissions implements troupe.Authorizer.
func (u users) Permissions(_ context.Context, c troupe.Client) (troupe.Permissions, error) {
	return within(u[c.Username].Topics), nil
}

// within is a Topic Filter that a Client has to stay within.
type within string

// MayPublish implements troupe.Permissions.
func (w within) MayPublish(name []byte, _ troupe.QoS, _ bool) bool {
	return topic.Match(string(w), name)
}

// MaySubscribe implements troupe.Permissions.
func (w within) MaySubscribe(filter string, _ troupe.QoS) bool {
	_, rest, err := topic.ParseFilter(filter) // without $share/name/
	return err == nil && topic.Covers(string(w), rest)
}
