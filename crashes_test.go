package troupe

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/faulty"
	"github.com/troupemq/troupe/persistence/memory"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/topic"
)

// cellar is where a world keeps its Sessions and retained messages.
type cellar struct {
	level   configs.Durability
	memory  *memory.Store
	store   *faulty.Store // in front of memory
	full    bool          // the device is
	reading bool          // a session's queue is being read
	unread  int           // how many of those reads fail
	dying   death         // what ends the process in the middle of work for the device
	crashes int           // still to come
	spells  int           // of a full device, likewise

	// Everything that the broker had done by the step `stable`, at the time
	// stableAt, is in the store.
	stable   int
	stableAt int64
	probes   []probe

	restarted int64 // Unix ms of the last crash, as the Clients see it; 0: there was none

	calmed int // rounds of 10 ms in which nothing has to happen; below 0: not counting
	page   int // bytes of frames on a page
	low    int // messages below which pages are loaded
}

// probe waits for the journal's word that everything before a step is written.
type probe struct {
	step int
	at   int64
	done chan struct{}
}

type death uint8

const (
	alive death = iota
	beforeApply
	beforeSync
)

var errUnread = errors.New("the device has an error (by plan)")

// dig gives a world a store.
func (w *world) dig(config *configs.Config) {
	w.cellar = &cellar{
		level:  []configs.Durability{configs.DurabilityMemory, configs.DurabilityProcess, configs.DurabilityDisk, configs.DurabilityDisk}[w.rng.IntN(4)],
		memory: memory.New(), calmed: -1, page: 1 + w.rng.IntN(400), low: 1 + w.rng.IntN(6),
	}
	w.crashes = w.rng.IntN(5)
	if w.rng.IntN(3) == 0 && w.level != configs.DurabilityMemory { // which refuses then: TestFullDiskRefusesWithDurabilityMemory
		w.spells = 1 + w.rng.IntN(3)
	}
	config.Durability = w.level
	config.Persistence.FlushInterval = configs.Duration(time.Duration(1+w.rng.IntN(3000)) * time.Millisecond)
	config.Persistence.FlushMessages = 1 + w.rng.IntN(40)
	config.Session.PassivateAfter = configs.Duration(time.Duration(w.rng.IntN(4)) * time.Second)
	config.Retained.Memory = configs.Size(w.rng.IntN(3) * 50)
}

// furnish makes what an instance has of the store, with all that works on it as
// a part of the simulation.
func (w *world) furnish(config configs.Config) *storage {
	w.store = faulty.New(w.memory, faulty.Plan{
		Apply: func(int, *persistence.Batch) error { w.die(beforeApply); return nil },
		Sync: func(int) error {
			w.die(beforeSync)
			if w.full && w.rng.IntN(2) == 0 {
				return fmt.Errorf("%w (by plan)", persistence.ErrNoSpace)
			}
			return nil
		},
		Read: func() error {
			if w.reading && w.unread > 0 {
				w.unread--
				return errUnread
			}
			return nil
		},
	})
	s := &storage{
		store: w.store, config: config, log: zap.New(w.recorder.Core()),
		disk: func(work func()) {
			w.scheduler.Write(func() { // it may overtake what is being read
				defer func(reading bool) { w.reading = reading }(w.reading)
				w.reading = false
				work()
			})
		}, pause: func(time.Duration) {},
		async: func(read func()) {
			w.happened.loads++
			w.scheduler.Read(func() {
				w.reading = true
				defer func() { w.reading = false }()
				read()
			})
		},
		records: func(topics []string, reply func([][]byte, error)) {
			w.scheduler.Read(func() {
				records := make([][]byte, len(topics))
				for i, name := range topics {
					if record, err := w.memory.Get(nil, persistence.PartRetained.Named(name)); err == nil {
						records[i] = record
					}
				}
				reply(records, nil)
			})
		},
	}
	if err := s.read(); err != nil {
		panic(err)
	}
	return s
}

func (w *world) die(of death) {
	if w.dying == of {
		panic(of)
	}
}

// trouble has the store and the process fail now and then.
func (w *world) trouble() {
	if w.cellar == nil {
		return
	}
	for len(w.probes) > 0 {
		p := w.probes[0]
		select {
		case <-p.done:
			w.stable, w.stableAt = p.step, p.at
			w.probes = w.probes[1:]
			continue
		default:
		}
		break
	}
	switch n := w.rng.IntN(400); {
	case n < 12:
		w.probe()
	case n < 18 && w.full:
		w.room()
	case n < 21 && w.spells > 0 && !w.full:
		w.spells--
		w.happened.spells++
		w.full = true
		w.recorder.Printf("--- the device is full")
		w.store.SetFull(true)
	case n < 23:
		w.unread += w.rng.IntN(3)
	case n < 30 && w.crashes > 0:
		w.crashes--
		w.crash()
	}
}

// room ends a full device.
func (w *world) room() {
	w.full, w.unread = false, 0
	w.recorder.Printf("--- there is room on the device")
	w.store.SetFull(false)
}

// probe asks the journal to tell when what has happened so far is written.
func (w *world) probe() {
	for w.scheduler.Settle(); w.scheduler.Reading(); w.scheduler.Settle() {
		w.scheduler.Elapse(1)
	}
	p := probe{w.step, w.scheduler.Now(), make(chan struct{})}
	w.probes = append(w.probes, p)
	w.tree.system.Root().Send(w.tree.journal, &message.Flush{Done: p.done})
}

// flush has everything written.
func (w *world) flush() {
	w.probe()
	p := w.probes[len(w.probes)-1]
	for range 1000 {
		w.scheduler.Settle()
		select {
		case <-p.done:
			w.stable, w.stableAt, w.probes = p.step, p.at, nil
			return
		default:
			w.scheduler.Elapse(5)
		}
	}
	w.fail("the journal does not write everything")
}

// calmRounds is how many rounds of 10 ms the journal may take to write what
// nobody waits for.
const calmRounds = 40

// written lets some time go by for the device, and tells whether nobody waits
// for it any more.
func (w *world) written() bool {
	switch {
	case w.cellar == nil:
		return true
	case w.calmed < 0:
		w.calmed = calmRounds
	case w.calmed == 0:
		w.calmed = -1
		return true
	case w.scheduler.Working():
		w.calmed = calmRounds
	default:
		w.calmed--
	}
	w.scheduler.Elapse(10)
	return false
}

// crash ends the process, or the power, and starts the broker anew.
func (w *world) crash() {
	power := w.level == configs.DurabilityDisk && w.rng.IntN(2) == 0
	w.recorder.Printf("--- crash, power lost: %v; stable is what came before step %d", power, w.stable)
	w.happened.crashes++
	w.scheduler.Elapse(int64(w.rng.IntN(2000)))
	if w.rng.IntN(6) == 0 {
		w.scheduler.Elapse(int64(w.rng.IntN(90_000)))
	}
	_ = w.listener.Close()
	// What comes from the wire later is what the lost broker said.
	underWay := w.scheduler.Crash(power || w.level == configs.DurabilityMemory)
	if underWay != nil {
		w.interrupt(underWay)
	}
	if power {
		w.memory = w.memory.CrashClone()
	} else {
		w.memory = w.memory.Clone()
	}
	w.audit()
	w.judgeCounters()
	w.doubt()
	w.rest()
	w.full, w.unread, w.probes, w.restarted = false, 0, nil, w.scheduler.Now()
	w.plant()
	w.attend()
}

// interrupt does a part of what was under way at the device.
func (w *world) interrupt(work func()) {
	w.dying = death(w.rng.IntN(3))
	w.recorder.Printf("what is being written ends at %d", w.dying)
	defer func() {
		w.dying = alive
		if reason := recover(); reason != nil {
			if _, planned := reason.(death); !planned {
				panic(reason)
			}
		}
	}()
	work()
}

// attend brings the witness back, who was there all along but for the crash.
func (w *world) attend() {
	w.scheduler.Settle()
	u := w.witness
	for range 10_000 {
		w.scheduler.Flow()
		u.look()
		switch {
		case u.peer == nil:
			u.connect(false)
		case u.phase == online && u.attempt.peer.Closed() == 0:
			w.spared = make(map[string]bool)
			for _, path := range w.processes("") {
				w.spared[path] = true
			}
			return
		case !w.scheduler.Step():
			w.scheduler.Elapse(1)
		}
	}
	w.fail("the witness does not come back")
}

// doubt takes back what a crash makes uncertain. Where acknowledgements wait for
// the store that is little: it is to a Session that outlives its connection
// nothing but the loss of the connection. What may be lost is what nobody was told
// of, and what has no QoS or no Session to be kept with.
//
// With durability `memory` all may be lost that was not stable. A Session then
// is as it was some steps ago, and knows neither what its Client took since nor
// which Packet Identifiers: even QoS 2 may come again, or be sent again by its
// publisher and so be routed twice. What is asked is that all of what was
// stable is there, and that what is there fits together.
func (w *world) doubt() {
	for _, s := range w.messages {
		s.excused = s.excused || w.loses() && (s.acked == 0 || s.acked > w.stable)
		s.orphaned = s.orphaned || !s.shared && w.mortal(s)
	}
	for _, u := range w.all() {
		for _, l := range u.attempts {
			w.doubtWill(l)
		}
		for _, s := range u.subscriptions {
			if s.judged && s.gone > w.stable { // nobody waited for that
				s.gone = never
			}
		}
		u.owedReplays = slices.DeleteFunc(u.owedReplays, func(r owedReplay) bool {
			return r.sub.sure > w.stable || w.messages[r.id].excused
		})
		if w.loses() {
			u.doubt()
		}
	}
	for i := range w.verdicts {
		if v := &w.verdicts[i]; w.doubtWill(v.attempt) {
			v.judgment = either
		}
	}
}

// loses tells whether a crash loses what was acknowledged.
func (w *world) loses() bool { return w.level == configs.DurabilityMemory }

// mortal tells whether a message may have been with a member of a shared
// subscription whose Session ends with a crash.
func (w *world) mortal(s *sending) bool {
	return slices.ContainsFunc(w.users, func(u *user) bool {
		return (u.session != there || u.expiry == 0 || u.phase == connecting) &&
			slices.ContainsFunc(u.filters, func(f *filter) bool { return f.share && topic.Match(f.topic, s.topic) })
	})
}

// doubtWill tells whether a crash makes it uncertain what becomes of a Will.
func (w *world) doubtWill(l *attempt) bool {
	if l.will == nil {
		return false
	}
	settled := l.peer.Closed() != 0 && l.peer.Closed() < w.stableAt
	l.will.again = l.will.again || l.will.qos < packet.QoS2 || w.loses()
	l.doubted = l.doubted || w.loses() || l.will.qos == packet.QoS0 || (l.expiry == 0 || l.bye) && !settled
	return l.doubted
}

// doubt makes the Session of a user what it may be after a crash that loses.
func (u *user) doubt() {
	for _, s := range u.subscriptions {
		if s.sure > u.stable {
			s.sure = never
		}
		if s.gone > u.stable {
			s.gone = never
		}
	}
	u.gotTwo, u.latest = make(map[int]int), make(map[orderKey]int)
	u.client.Rewind()
	if u.session == there && (u.since > u.stable || u.expiry != 0xFFFFFFFF) {
		u.session = unsure
	}
}
