package troupe

import (
	"fmt"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/protocol/packet"
)

// audit holds what is in the store against itself: whatever the moment at which
// the broker ended, nothing in there is without that which it belongs to.
func (w *world) audit() {
	sessions, ended := make(map[uint64]bool), make(map[uint64]bool)
	references, bodies := make(map[uint64]uint64), make(map[uint64]bool)
	w.each(persistence.PartSession, func(key, value []byte) error {
		sessions[persistence.Number(key, 0)] = true
		_, err := persistence.DecodeRecord(value)
		return err
	})
	w.each(persistence.PartEnded, func(key, _ []byte) error {
		ended[persistence.Number(key, 0)] = true
		return nil
	})
	known := func(key []byte) error {
		if id := persistence.Number(key, 0); !sessions[id] && !ended[id] {
			return fmt.Errorf("session %d has no record", id)
		}
		return nil
	}
	w.each(persistence.PartSubscription, func(key, _ []byte) error { return known(key) })
	w.each(persistence.PartHead, func(key, value []byte) error {
		if _, err := persistence.DecodeHead(value); err != nil {
			return err
		}
		return known(key)
	})
	w.each(persistence.PartPage, func(key, value []byte) error {
		ids, err := persistence.PageBodies(value)
		for _, id := range ids {
			references[id]++
		}
		if err != nil {
			return err
		}
		return known(key)
	})
	w.each(persistence.PartBody, func(key, _ []byte) error {
		id := persistence.Number(key, 0)
		bodies[id] = true
		if references[id] == 0 {
			return fmt.Errorf("no page refers to body %d", id)
		}
		return nil
	})
	counts := 0
	w.each(persistence.PartCount, func(key, value []byte) error {
		counts++
		id := persistence.Number(key, 0)
		if n := references[id]; !bodies[id] || len(value) == 0 || uint64(value[len(value)-1]) != n { // few enough for one byte
			return fmt.Errorf("%d pages refer to body %d, which is there: %v; its count is % x", n, id, bodies[id], value)
		}
		return nil
	})
	if counts != len(bodies) || len(references) != len(bodies) {
		w.fail("the store has %d bodies, %d counts of them, and pages refer to %d", len(bodies), counts, len(references))
	}
}

// each visits what is in the store of a part.
func (w *world) each(part persistence.Part, visit func(key, value []byte) error) {
	err := w.memory.Scan(part.Key(), nil, func(key, value []byte) bool {
		if err := visit(key, value); err != nil {
			w.fail("the store, %v, % x: %v", part, key, err)
		}
		return true
	})
	if err != nil {
		w.fail("the store cannot be read: %v", err)
	}
}

// judgeCounters holds what the broker counted against what cannot have happened.
func (w *world) judgeCounters() {
	c := w.tree.counters
	if n := c.DroppedBroken.Load(); n != 0 && w.happened.faults == 0 {
		w.fail("%d messages were lost as broken, and nothing failed", n)
	}
	if n := c.DroppedUnread.Load(); n != 0 {
		w.fail("%d retained messages could not be read", n)
	}
	if n := c.StoreFailed.Load(); n != 0 {
		w.fail("the journal gave up")
	}
}

// clear ends the last Session: then nothing but retained messages is in the store.
func (w *world) clear() {
	u := w.witness
	u.forever, u.last = false, true
	u.connect(true)
	w.calm()
	u.leave(packet.Success)
	w.calm()
	w.flush()
	for range 100 { // what is left of ended Sessions goes when there is time
		w.scheduler.Elapse(50)
		w.scheduler.Settle()
	}
	err := w.memory.Scan(nil, nil, func(key, _ []byte) bool {
		if part := persistence.Part(key[0]); part != persistence.PartMeta && part != persistence.PartRetained {
			w.fail("all Sessions have ended, and the store has of %v: % x", part, key)
		}
		return true
	})
	if err != nil {
		w.fail("the store cannot be read: %v", err)
	}
}
