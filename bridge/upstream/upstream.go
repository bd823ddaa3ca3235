// Package upstream makes connections to the brokers that a bridge hands messages to: it reads their URIs, loads what is needed to trust them and to
// be let in, and dials. It speaks no MQTT. Dial waits, so it is called on a goroutine, never by an actor.
package upstream

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"github.com/troupemq/troupe/configs"
)

// Upstream is a broker that a bridge may use. It never changes.
type Upstream struct {
	address  address
	clientID string
	username string
	password []byte
	tls      *tls.Config // of mqtts and wss; without ServerName: that of the address is used
	dial     Instances   // nil: there are none
}

// Instances makes a connection to another instance of this process, by its name.
type Instances func(ctx context.Context, name string) (net.Conn, error)

// New takes c, which has in it what the bridge says for all its upstreams, and reads the files that it names. User Name and Password of the URI go
// before those of `username` and `password`. Errors name the upstream and the key, and the file if it is one's. dial makes the connections to
// upstreams that are instances of this process; nil: there are none.
func New(c configs.Upstream, dial Instances) (*Upstream, error) {
	a, err := parse(c.URI)
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	u := &Upstream{address: a, clientID: c.ClientID, dial: dial}
	if err := u.authenticate(c); err != nil {
		return nil, fmt.Errorf("upstream %s: %w", u.Name(), err)
	}
	if a.TLS() {
		if u.tls, err = load(c.TLS); err != nil {
			return nil, fmt.Errorf("upstream %s: %w", u.Name(), err)
		}
	}
	return u, nil
}

// Name is the URI as it was configured, without credentials: what tells one upstream from another, and may be logged.
func (u *Upstream) Name() string { return u.address.Bare }

// Near tells whether it is another instance of this process.
func (u *Upstream) Near() bool { return u.address.Scheme == configs.SchemeInstance }

// ClientID is the Client Identifier to connect with.
func (u *Upstream) ClientID() string { return u.clientID }

// Username is the User Name to connect with; empty: none.
func (u *Upstream) Username() string { return u.username }

// Password is the Password to connect with; nil: none.
func (u *Upstream) Password() []byte { return u.password }
