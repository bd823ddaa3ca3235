package retained

import (
	"unsafe"

	"github.com/troupemq/troupe/protocol/packet"
)

// kept is a retained message: 24 bytes and its frame, of which the tree's name
// for it is a part. A [packet.Run] takes five times as much; it is made again
// for each replay, and so is what receivers derive from it. A message whose
// frame is on disk alone takes the 24 bytes and its name.
type kept struct {
	first *byte // of the frame; nil: it is on disk
	// stamp is the version and, in the bits above, the Unix milliseconds of the
	// deadline, 0 if it never expires.
	stamp uint64
	size  uint32 // of the frame, which MQTT holds below 2^28 + 5
	// change numbers the messages of a store, so that what comes from disk is
	// not taken for one that replaced it meanwhile.
	change uint32
}

const stampShift = 8

// keep copies a message out of the run that brought it.
func keep(run *packet.Run, change uint32) kept {
	k := kept{stamp: stampOf(run.Version, run.Deadline), change: change}
	return k.with(string(run.Frames))
}

func stampOf(version packet.Version, deadline int64) uint64 {
	return uint64(deadline)<<stampShift | uint64(version)
}

// with is k with its frame.
func (k kept) with(frame string) kept {
	k.first, k.size = unsafe.StringData(frame), uint32(len(frame))
	return k
}

// without is k without its frame.
func (k kept) without() kept {
	k.first = nil
	return k
}

// resident tells whether the frame is in memory.
func (k kept) resident() bool { return k.first != nil }

// inMemory is the size of the frame if it is in memory.
func (k kept) inMemory() int64 {
	if k.resident() {
		return int64(k.size)
	}
	return 0
}

// name is the Topic Name, a part of the frame, which is in memory.
func (k kept) name() string {
	l := packet.LayoutOf(k.frame(), k.version())
	return unsafe.String(k.first, int(k.size))[l.Topic:l.TopicEnd]
}

func (k kept) version() packet.Version { return packet.Version(k.stamp & (1<<stampShift - 1)) }

// deadline is when it expires, 0: never.
func (k kept) deadline() int64 { return int64(k.stamp >> stampShift) }

// expired tells whether that has come, by the Unix millisecond now.
func (k kept) expired(now int64) bool { return k.deadline() != 0 && k.deadline() <= now }

// frame is the PUBLISH, which is in memory, to be read only: a run's bytes
// never change.
func (k kept) frame() []byte { return unsafe.Slice(k.first, int(k.size)) }

// runs gives out runs in pieces of memory that grow with the number of them.
type runs struct {
	all  []*packet.Run
	room []packet.Run
}

// add appends the run of a message in memory. No more than most will come in all.
func (r *runs) add(k kept, most int) {
	if len(r.room) == 0 {
		r.room = make([]packet.Run, min(1+3*len(r.all), most-len(r.all)))
	}
	run := &r.room[0]
	r.room = r.room[1:]
	run.Restore(k.frame(), k.version(), k.deadline())
	r.all = append(r.all, run)
}
