package troupe

import (
	"context"
	"errors"
	"fmt"
	"net"

	"go.uber.org/zap"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/tlsserver"
)

// handedListener is an open listener.
type handedListener struct {
	name      string
	listener  net.Listener
	anonymous bool
	secure    *tlsserver.Server // nil: it has no TLS of ours
}

// listen opens every configured listener, or none.
func (b *Broker) listen(ctx context.Context) ([]handedListener, error) {
	sockets := append([]handedListener(nil), b.handed...)
	for _, l := range b.config.Listeners {
		opened, err := b.openListener(ctx, l)
		if err != nil {
			closeAll(sockets)
			return nil, err
		}
		sockets = append(sockets, opened)
	}
	return sockets, nil
}

// Anonymous tells whether Clients without a user name may come in through a
// listener: what it says itself, or else whether it is on a loopback address and
// nobody would be asked who they are, neither an Authenticator nor what the
// configuration has under auth.
func (b *Broker) Anonymous(l configs.Listener) bool {
	if b.none() {
		return false
	}
	return b.anonymous(l, b.Config().Auth)
}

// anonymous is Anonymous for who has the configuration.
func (b *Broker) anonymous(l configs.Listener, a configs.Auth) bool {
	if l.AllowAnonymous == nil && b.asks() {
		return false
	}
	return l.Anonymous(a)
}

// openListener opens one, with TLS if it is to have that.
func (b *Broker) openListener(ctx context.Context, l configs.Listener) (handedListener, error) {
	opened := handedListener{name: l.Name, anonymous: b.anonymous(l, b.config.Auth)}
	if l.Transport == configs.TransportTLS {
		settings, err := tlsserver.Load(l.TLS)
		if err != nil {
			return opened, fmt.Errorf("listener %s: tls.%w", l.Name, err)
		}
		opened.secure = tlsserver.New(settings)
	}
	socket, err := open(ctx, "listener "+l.Name, l.Address)
	if err != nil {
		return opened, err
	}
	if opened.listener = socket; opened.secure != nil {
		opened.listener = opened.secure.Listen(socket)
	}
	return opened, nil
}

// reloadCertificates reads again what the TLS listeners of c name, which may be
// other files than before, and gives what puts all of it into force. A listener
// that is new needs a restart. After an error nothing changes.
func (t *tree) reloadCertificates(c *configs.Config) (apply func(), err error) {
	var changes []func()
	for i := range c.Listeners {
		l := &c.Listeners[i]
		server := t.secure[l.Name]
		if server == nil || l.Transport != configs.TransportTLS {
			continue
		}
		settings, err := tlsserver.Load(l.TLS)
		if err != nil {
			return nil, fmt.Errorf("listener %s: tls.%w", l.Name, err)
		}
		changes = append(changes, func() {
			server.Use(settings)
			t.broker.log.Info("the certificate of a listener was read", zap.String("listener", l.Name),
				zap.String("subject", settings.Subject()), zap.Time("expires", settings.Expires()))
		})
	}
	return func() {
		for _, change := range changes {
			change()
		}
		t.broker.keepTLS(c)
	}, nil
}

// keepTLS notes in the configuration in force what was read of another.
func (b *Broker) keepTLS(c *configs.Config) {
	b.mu.Lock()
	defer b.mu.Unlock()
	listeners := append([]configs.Listener(nil), b.config.Listeners...)
	for i := range listeners {
		for _, l := range c.Listeners {
			if l.Name == listeners[i].Name && l.Transport == listeners[i].Transport {
				listeners[i].TLS = l.TLS
			}
		}
	}
	b.config.Listeners = listeners
}

// reason is the operating system's word without the parts that the caller
// names better.
func reason(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

func closeAll(open []handedListener) {
	for _, l := range open {
		_ = l.listener.Close()
	}
}
