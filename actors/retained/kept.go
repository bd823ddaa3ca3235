package retained

import (
	"unsafe"

	"github.com/troupemq/troupe/protocol/packet"
)

// kept is a retained message: 24 bytes and its frame, of which the tree's name
// for it is a part. A [packet.Run] takes five times as much; it is made again
// for each replay, and so is what receivers derive from it.
type kept struct {
	frame string
	// stamp is the version and, in the bits above, the Unix milliseconds of the
	// deadline, 0 if it never expires.
	stamp uint64
}

const stampShift = 8

// keep copies a message out of the run that brought it.
func keep(run *packet.Run) kept {
	return kept{string(run.Frames), uint64(run.Deadline)<<stampShift | uint64(run.Version)}
}

// name is the Topic Name, a part of the frame.
func (k kept) name() string {
	l := packet.LayoutOf(k.bytes(), k.version())
	return k.frame[l.Topic:l.TopicEnd]
}

func (k kept) version() packet.Version { return packet.Version(k.stamp & (1<<stampShift - 1)) }

// deadline is when it expires, 0: never.
func (k kept) deadline() int64 { return int64(k.stamp >> stampShift) }

// expired tells whether that has come, by the Unix millisecond now.
func (k kept) expired(now int64) bool { return k.deadline() != 0 && k.deadline() <= now }

// bytes is the frame, to be read only: a run's bytes never change.
func (k kept) bytes() []byte { return unsafe.Slice(unsafe.StringData(k.frame), len(k.frame)) }

// runs gives out runs in pieces of memory that grow with the number of them.
type runs struct {
	all  []*packet.Run
	room []packet.Run
}

// add appends the run of a message. No more than most will come in all.
func (r *runs) add(k kept, most int) {
	if len(r.room) == 0 {
		r.room = make([]packet.Run, min(1+3*len(r.all), most-len(r.all)))
	}
	run := &r.room[0]
	r.room = r.room[1:]
	run.Restore(k.bytes(), k.version(), k.deadline())
	r.all = append(r.all, run)
}
