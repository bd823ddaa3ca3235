package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"syscall"

	"github.com/troupemq/troupe/bench/internal/client"
	"github.com/troupemq/troupe/bench/internal/process"
)

// spare is what a process has open besides connections.
const spare = 64

// portsEach is how many connections come from one local address where there are many: about a third of what Linux gives, so
// that those of the last run, in TIME_WAIT, are not in the way.
const portsEach = 8_000

// churnAddresses is over how many addresses of the loopback the connections of Connects are spread: at 30,000 a second each
// has TIME_WAIT for a minute.
const churnAddresses = 240

// connections is how many the workload has open at once.
func (w Workload) connections() int {
	n := w.Connections
	for _, t := range w.Traffic {
		n += t.Publishers + t.Subscribers
	}
	switch w.Kind {
	case Queued:
		n++ // who publishes
	case Acknowledged:
		n *= 2
	case Retained:
		n = 2
	}
	return n
}

// Needs is what the workload's clients need: files that this process may have open, and ports of each of the local addresses
// that they are spread over when the broker is reached by a numeric address of 127.0.0.0/8. Any other broker needs the ports
// of all connections from one address.
func (w Workload) Needs() (files, portsPerAddress int) {
	n := w.connections()
	return n + spare, (n + w.addresses() - 1) / w.addresses()
}

// addresses is over how many local addresses the connections are spread.
func (w Workload) addresses() int {
	if w.Kind == Connects {
		return churnAddresses
	}
	return (w.connections() + portsEach - 1) / portsEach
}

// sources is how many local addresses the clients of a target use; 0: the system's choice.
func (w Workload) sources(e client.Endpoint) int {
	if runtime.GOOS != "linux" || !e.Loopback() || w.addresses() == 1 {
		return 0 // elsewhere than on Linux, 127.0.0.2 has to be set up first
	}
	return w.addresses()
}

// Preflight tells, without connecting, what is wrong with the workload and what its run against a broker at uri would be missing
// in the middle: files or ports. pid is the broker's process, whose files are looked at as well; 0: not known yet.
func (w Workload) Preflight(uri string, pid int) error {
	if err := w.Validate(); err != nil {
		return err
	}
	e, err := client.ParseEndpoint(uri)
	if err != nil {
		return err
	}
	return w.withDefaults().preflight(e, pid)
}

// preflight is Preflight of a workload that is valid.
func (w Workload) preflight(e client.Endpoint, pid int) error {
	files, ports := w.Needs()
	if err := enoughFiles(w.Name, files); err != nil {
		return err
	}
	if limit, open, err := process.FileLimit(pid); pid > 0 && err == nil && open+w.connections() > limit {
		return fmt.Errorf("workload %s needs %d connections, but the broker (process %d) may have %d files open and has %d already: "+
			"start it with a higher limit (ulimit -n)", w.Name, w.connections(), pid, limit, open)
	}
	if w.sources(e) == 0 {
		ports = w.connections()
	}
	if there, err := process.Ports(); err == nil && ports > there {
		return fmt.Errorf("workload %s needs %d local ports to %s, but the system gives %d: widen net.ipv4.ip_local_port_range, "+
			"ask for fewer connections, or reach the broker by 127.0.0.1, where the clients use many addresses", w.Name, ports, e.URI, there)
	}
	return nil
}

// explainDial adds the way out to what the system says when a connection cannot be made.
func explainDial(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w: does the broker run, and listen there?", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w: the local ports are used up, perhaps by connections in TIME_WAIT: wait a minute, widen "+
			"net.ipv4.ip_local_port_range, or reach the broker by 127.0.0.1", err)
	case errors.Is(err, syscall.EMFILE):
		return fmt.Errorf("%w: raise the limit (ulimit -n) or ask for fewer connections", err)
	}
	return err
}
