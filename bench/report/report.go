// Package report holds what a comparison of brokers came to, and shows it: as a table, as Markdown, as JSON and as a page
// with charts. It also tells whether two reports differ by more than their noise.
package report

import (
	"time"

	"github.com/troupemq/troupe/bench"
)

// Schema names the JSON form of a Report. It changes when a reader of the old form would misread the new one.
const Schema = "troupe-bench/1"

// Report is what a comparison came to.
type Report struct {
	Schema    string           `json:"schema"`
	Command   string           `json:"command"` // the command line that made it
	Started   time.Time        `json:"started"`
	Machine   Machine          `json:"machine"`
	Rounds    int              `json:"rounds"` // asked for, of each Workload against each Broker
	Workloads []bench.Workload `json:"workloads"`
	Brokers   []Broker         `json:"brokers"` // in the order asked for; the first that runs is what the others are held against
	Runs      []Run            `json:"runs"`    // in the order in which they were made

	// Ended says why the comparison ended before its time, with the Runs until then; empty if it did not.
	Ended string `json:"ended,omitempty"`
}

// Machine is where it was measured.
type Machine struct {
	System string `json:"system"` // operating system and kernel release
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory int64  `json:"memory"` // bytes
	Go     string `json:"go"`
}

// Broker is one that was asked for.
type Broker struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Notes   string `json:"notes,omitempty"`   // what is special about its configuration
	Missing string `json:"missing,omitempty"` // why it could not be measured, and the way out
	Null    bool   `json:"null,omitempty"`    // the harness's own null broker: the ceiling of the machine
}

// Run is one Result of one round. Failed says why there is none; Workload and Target are filled all the same.
type Run struct {
	Round  int          `json:"round"` // from 1
	Failed string       `json:"failed,omitempty"`
	Result bench.Result `json:"result"`
}
