package troupe

import (
	"crypto/tls"
	"net"
	"path/filepath"
	"reflect"
	"time"
)

// Status tells how the instance is. It waits while Start is under way. A Broker
// that was made and not started is stopped, as is one after Shutdown.
func (b *Broker) Status() Instance {
	if b.none() {
		return Instance{State: InstanceStopped, Listeners: []InstanceListener{}, Shares: []InstanceShare{}}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s := Instance{Name: b.config.Name, State: InstanceStopped, Since: b.since, Listeners: make([]InstanceListener, 0, len(b.config.Listeners)+len(b.handed)), Shares: []InstanceShare{}}
	if b.config.DataDir != "" && b.store == nil {
		s.DataDir = b.config.DataDir
		if dir, err := filepath.Abs(s.DataDir); err == nil {
			s.DataDir = dir
		}
	}
	address := func(listener string) string {
		if a := b.addrs[listener]; a != nil && b.phase == running {
			return a.String()
		}
		return ""
	}
	for _, l := range b.config.Listeners {
		s.Listeners = append(s.Listeners, InstanceListener{Name: l.Name, Transport: string(l.Transport), Address: address(l.Name)})
	}
	for _, l := range b.handed {
		s.Listeners = append(s.Listeners, InstanceListener{Name: l.name, Transport: transport(l.listener), Address: address(l.name)})
	}
	switch {
	case b.phase == running && b.leaving:
		s.State = InstanceStopping
	case b.phase == running:
		s.State = InstanceRunning
	case b.phase == over && b.cause != nil:
		s.State, s.Error, s.ErrorAt = InstanceFailed, b.cause.Error(), happened(b.since)
	}
	if b.phase == running {
		if b.tree.counters.StoreStalled.Load() != 0 {
			s.Trouble = nothingWritten
		}
		if b.metrics.socket != nil {
			s.MetricsAddress = b.metrics.socket.Addr().String()
		}
		s.Connections = b.tree.counters.ConnectionsOpen.Load()
		s.Shares = b.tree.used(&b.admin.pace, time.Now())
	}
	return s
}

// transport is what carries the bytes of a listener that was handed in: "tls" for one
// of package tls, which does not name its type, or the network of its address.
func transport(l net.Listener) string {
	if reflect.TypeOf(l) == reflect.TypeOf(tls.NewListener(nil, nil)) {
		return "tls"
	}
	if a := l.Addr(); a != nil {
		return a.Network()
	}
	return ""
}
