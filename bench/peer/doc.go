// Package peer starts and stops brokers to measure: from definitions, which say where a broker's program is, how it is
// configured, and how it is started. Those shipped come from [Definitions], others from files by [Load].
//
//	d, err := peer.Lookup("mosquitto")
//	p, err := d.Find(ctx, dir)   // a *Missing error if there is none here
//	r, err := p.Start(ctx)       // a process of its own, on a free port, that answers CONNECT
//	defer r.Stop()
//	result, err := bench.Run(ctx, workload, r.Target)
//
// It knows nothing of what is measured.
package peer
