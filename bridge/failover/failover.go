// Package failover decides for a bridge which upstream it uses: which link is brought up next and when, which one carries, and when it is time to go
// back to a better one. It is pure: it has no clock, no network and no actor. The host tells it what happened, carries out the [Action]s that it gets
// for that, and calls [Failover.Tick] when [Failover.Next] says so.
//
// There is at most one link that carries, one candidate that is to take over, and one probe of a better upstream. A link that carries is not touched
// before the candidate is ready.
package failover

import (
	"math/rand/v2"

	"github.com/troupemq/troupe/protocol/packet"
)

// Order says which upstream is used.
type Order uint8

const (
	// Priority is the first that works, and back to a better one once that has been healthy for a while.
	Priority Order = iota
	// Rotate is the next one each time a link ends.
	Rotate
	// Random is any other one each time a link ends.
	Random
)

// Options say how upstreams are chosen. All times are in milliseconds.
type Options struct {
	Order   Order
	StayFor int64      // how long a probe of a better upstream has to be up; 0: not at all
	Initial int64      // the first pause of an upstream that failed; at least 10
	Maximum int64      // the longest one; at least Initial
	ReadyIn int64      // what a link may take until it is ready, and then until it carries; 0: any time. A guard: links have times of their own
	LeaveIn int64      // what a link may take to leave in order; 0: any time. A guard likewise
	Follow  bool       // whether a Server Reference is followed
	Rand    *rand.Rand // of jitter, and of Random
}

const (
	initialLeast   = 10     // a shorter pause would make a loop that is busy with nothing
	settledMost    = 10_000 // a link that has carried for so long, or for the longest pause if that is shorter, has worked
	referencesMost = 4      // Server References that are followed one after another
)

// ID is the number of a link. None is used twice.
type ID uint64

// Kind is what an Action asks for.
type Kind uint8

const (
	// Connect brings a link up that is to carry. It is answered with Ready or Ended.
	Connect Kind = iota
	// Probe brings a link up that only tries the upstream.
	Probe
	// Carry has a link that is ready take over. It is answered with Carries or Ended.
	Carry
	// Leave has the link that carries stop in order. It is answered with Ended.
	Leave
	// Stop ends a link at once. What it says after that is not heard.
	Stop
)

// Action is something that the host has to do.
type Action struct {
	Kind      Kind
	Link      ID
	Upstream  int    // in the list; of Connect and Probe
	Reference string // the Server Reference to follow from there; empty: none
	Retry     bool   // a Connect while nothing carries, after a link has failed or was lost
	Why       string // of Leave and Stop
	Failed    bool   // of Stop: the link did not keep to its time
}

// End is how a link ended.
type End struct {
	Asked     bool // as it was told to
	Code      packet.ReasonCode
	Reference string
	Near      bool   // the upstream is in this process: what it refuses today it may take after its next reload
	Text      string // for operators
}

// phase is how far a link has come.
type phase uint8

const (
	connecting phase = iota
	ready
	starting // was told to carry
	carrying
	leaving
)

// link is one that was asked for and has not ended.
type link struct {
	id        ID
	kind      Kind // Connect or Probe
	upstream  *upstream
	reference string
	hops      int // Server References that led here
	phase     phase
	since     int64 // it is in the phase
	why       string
}

// upstream is what is known of one.
type upstream struct {
	name      string
	index     int // in the list; -1: no longer there
	failures  int // in a row
	retryAt   int64
	healthy   int64 // since when a link has been ready; 0: none is
	lastError string
	lastAt    int64
	stale     bool // it was changed: links from before are replaced
}

// Failover is the state of the choice. Times are Unix ms.
type Failover struct {
	o         Options
	upstreams []*upstream
	carrier   *link
	candidate *link
	probe     *link
	paused    bool
	started   bool
	failed    bool      // something has ended since a link last carried
	last      *upstream // that a link was last brought up to, or that last carried
	lastError string
	lastAt    int64
	next      ID
	now       int64
	actions   []Action
}

// New makes the choice among upstreams with these names. It does nothing before Start.
func New(o Options, names []string) *Failover {
	f := &Failover{o: bounded(o)}
	for i, name := range names {
		f.upstreams = append(f.upstreams, &upstream{name: name, index: i})
	}
	return f
}

func bounded(o Options) Options {
	o.Initial = max(o.Initial, initialLeast)
	o.Maximum = max(o.Maximum, o.Initial)
	return o
}

// settled is how long a link has to carry to have worked.
func (f *Failover) settled() int64 { return min(settledMost, f.o.Maximum) }
