package troupe

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/troupemq/troupe/internal/holder"
	"github.com/troupemq/troupe/persistence/badger"
)

// Probe tells, before Start, whether the configured addresses and the data
// directory can be had, and of each that cannot who has it, as far as the system
// tells. It opens the ports for a moment and keeps nothing, so that all Brokers of
// a process can be looked at before the first is started; Start still finds what
// is taken meanwhile. The error names everything that is in the way.
func (b *Broker) Probe(ctx context.Context) error {
	if b.none() {
		return errNone
	}
	var wrong []error
	for _, l := range b.config.Listeners {
		socket, err := open(ctx, "listener "+l.Name, l.Address)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		_ = socket.Close()
	}
	if address := b.config.Metrics.Address; address != "" {
		if socket, err := open(ctx, "metrics", address); err != nil {
			wrong = append(wrong, err)
		} else {
			_ = socket.Close()
		}
	}
	if b.store == nil && b.config.DataDir != "" {
		if err := badger.InUse(b.config.DataDir, badger.Options{Holder: holding}); err != nil {
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}

// open opens a port for what is called so in the error.
func open(ctx context.Context, what, address string) (net.Listener, error) {
	var config net.ListenConfig
	socket, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot listen on %s: %w", what, address, holder.InUse(address, reason(err)))
	}
	return socket, nil
}

// holding is the process that has locked a directory, 0: it is not known.
func holding(dir string) (process int, command string) {
	p := holder.OfDirectory(dir)
	return p.ID, p.Command
}
