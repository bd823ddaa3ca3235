// Package suite compares brokers: it has each do the same workloads, by turns, A B A B, so that all see the machine in the same
// mood, several rounds of each, and with a fresh process for each run of a broker that it starts itself.
//
//	plan := suite.Plan{Workloads: bench.Workloads(), Brokers: []suite.Broker{suite.Peer(troupe), suite.Peer(mosquitto)}, Rounds: 3}
//	r, err := plan.Run(ctx, func(suite.Event) {})
//	err = r.Markdown(os.Stdout)
//
// What a run measures is the business of package bench, what is made of it that of package report.
package suite
