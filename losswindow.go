package troupe

import "sync/atomic"

// lossWindow bounds what is acknowledged and not written with durability memory.
// It counts messages; when they are as many as may be lost, a group is due, and
// who publishes waits for it.
type lossWindow struct {
	most  int64        // messages
	full  func()       // told when there are so many
	taken atomic.Int64 // since the start
	group atomic.Int64 // of them, those taken before the last group was collected
	safe  atomic.Int64 // of them, those that are committed
}

// due counts messages that were taken and tells whether a group is due.
func (w *lossWindow) due(messages int64) bool {
	if w.taken.Add(messages)-w.safe.Load() < w.most {
		return false
	}
	w.full()
	return true
}

// began notes that a group is about to be collected.
func (w *lossWindow) began() { w.group.Store(w.taken.Load()) }

// done notes that it is committed, and tells whether the window is full still.
func (w *lossWindow) done() (full bool) {
	w.safe.Store(w.group.Load())
	return w.taken.Load()-w.safe.Load() >= w.most
}
