package persistence

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// A page is its head (what can be told without reading the entries), the table
// of its terms, the entries, and behind them all frames that no other session
// shares, end to end, so that they are copied in one piece.

// pageHead is what stands before the entries.
type pageHead struct {
	first  uint64   // Seq of the first frame
	end    uint64   // behind the last
	size   int64    // of all frames in bytes, those of shared bodies too
	bodies []uint64 // that it refers to, in their order
}

const (
	entryMin    = 7       // bytes that an entry takes at least
	pageSizeMax = 1 << 50 // bytes, so that sums of sizes stay sound
)

// AppendPage adds the value of a [PartPage] key to dst. Frames of a Run that has
// a Body are written as a reference, to the number that body gives for it; it is
// asked once for each entry. Entries are in the order of Seq and do not overlap.
func AppendPage(dst []byte, p session.Page, body func(*packet.Run) uint64) []byte {
	var room [64]entryNote
	notes, terms := room[:0], termsTable(nil)
	head := pageHead{}
	for i := range p {
		e := &p[i]
		note := entryNote{terms: terms.place(e.Terms)}
		if e.Run.Body != nil {
			note.body = body(e.Run)
			head.bodies = append(head.bodies, note.body)
		}
		notes = append(notes, note)
		head.size += int64(e.End) - int64(e.Offset)
	}
	slices.Sort(head.bodies)
	head.bodies = slices.Compact(head.bodies)
	if n := len(p); n > 0 {
		head.first, head.end = p[0].Seq, p[n-1].Seq+uint64(p[n-1].Count)
	}
	dst = appendPageHead(dst, &head)
	dst = terms.append(dst)
	dst = binary.AppendUvarint(dst, uint64(len(p)))
	seq, at := head.first, int64(0)
	for i := range p {
		e := &p[i]
		dst = binary.AppendUvarint(dst, e.Seq-seq)
		dst = binary.AppendUvarint(dst, uint64(e.Count))
		dst = binary.AppendVarint(dst, e.At-at)
		dst = binary.AppendUvarint(dst, uint64(notes[i].terms))
		seq, at = e.Seq+uint64(e.Count), e.At
		if e.Run.Body == nil {
			dst = binary.AppendUvarint(append(dst, 0), uint64(e.End-e.Offset))
			dst = appendRun(dst, e.Run, e.At)
			continue
		}
		place, _ := slices.BinarySearch(head.bodies, notes[i].body)
		dst = binary.AppendUvarint(dst, uint64(place)+1)
		dst = binary.AppendUvarint(dst, uint64(e.Offset))
		dst = binary.AppendUvarint(dst, uint64(e.End-e.Offset))
	}
	for i := range p {
		if e := &p[i]; e.Run.Body == nil {
			dst = append(dst, e.Run.Frames[e.Offset:e.End]...)
		}
	}
	return dst
}

// entryNote is what AppendPage finds out about an entry before it writes the first.
type entryNote struct {
	terms int // their place in the table
	body  uint64
}

func appendPageHead(dst []byte, h *pageHead) []byte {
	dst = binary.AppendUvarint(append(dst, format), h.first)
	dst = binary.AppendUvarint(dst, h.end-h.first)
	dst = binary.AppendUvarint(dst, uint64(h.size))
	dst = binary.AppendUvarint(dst, uint64(len(h.bodies)))
	last := uint64(0)
	for _, id := range h.bodies {
		dst = binary.AppendUvarint(dst, id-last)
		last = id
	}
	return dst
}

func readPageHead(b []byte) (reader, pageHead) {
	in := open("a page of a queue", b)
	h := pageHead{first: in.uint64("its first number")}
	if h.end = h.first + in.uint64("its last number"); h.end < h.first {
		in.fail("has a last number beyond all numbers")
	}
	h.size = int64(in.uint("the size of its frames", pageSizeMax))
	if n := in.count("the bodies that it refers to", 1); n > 0 {
		h.bodies = make([]uint64, n)
	}
	last := uint64(0)
	for i := range h.bodies {
		d := in.uint64("a body that it refers to")
		if i > 0 && d == 0 || last+d < last {
			in.fail("has bodies out of their order")
			break
		}
		last += d
		h.bodies[i] = last
	}
	return in, h
}

// PageBodies reads the numbers of the bodies that a page refers to, each once.
func PageBodies(b []byte) ([]uint64, error) {
	in, h := readPageHead(b)
	if in.err != nil {
		return nil, in.err
	}
	return h.bodies, nil
}

// DecodePage reads what AppendPage wrote; body gives the Run of a shared body,
// and its error is that of DecodePage. The page shares nothing with b; its own
// Runs share one buffer.
func DecodePage(b []byte, body func(id uint64) (*packet.Run, error)) (session.Page, error) {
	page, _, err := decodePage(b, body, false)
	return page, err
}

// decodePage reads a page. If view is set, its frames are views of b. What
// needs a body that is errAbsent is left out, and lost tells its messages.
func decodePage(b []byte, body func(id uint64) (*packet.Run, error), view bool) (page session.Page, lost int, err error) {
	in, h := readPageHead(b)
	terms := readTermsTable(&in)
	n := in.count("its entries", entryMin)
	if in.err != nil {
		return nil, 0, in.err
	}
	d := pageDecoder{reader: &in, head: &h, terms: terms, page: make(session.Page, 0, n), seq: h.first}
	for i := 0; i < n && in.err == nil; i++ {
		d.entry()
	}
	if in.err == nil && (d.seq != h.end || d.size != h.size) {
		in.fail("has other entries than its head says")
	}
	if in.err == nil && d.inline != int64(len(in.rest)) {
		in.fail("has %d bytes of frames, and %d are missing or too many", len(in.rest), d.inline-int64(len(in.rest)))
	}
	if in.err != nil {
		return nil, 0, in.err
	}
	frames, pinned := in.rest, len(b)
	if !view {
		frames, pinned = bytes.Clone(frames), len(frames)
	}
	if err := d.fill(frames, pinned, body); err != nil {
		return nil, 0, err
	}
	return d.page, d.lost, nil
}

// errAbsent is what the function that gives bodies may return to have the
// entries that need one left out.
var errAbsent = errors.New("persistence: the body is not there")

// pageDecoder reads the entries of a page, and then gives them their Runs.
type pageDecoder struct {
	*reader
	head   *pageHead
	terms  []*session.Terms
	page   session.Page
	runs   []packet.Run // of entries with frames of their own, in their order
	places []int        // of the bodies of the others
	seq    uint64       // behind the last entry
	at     int64
	size   int64 // of all frames
	inline int64 // of those in the page
	lost   int   // messages of entries that were left out
}

func (d *pageDecoder) entry() {
	gap, count := d.uint64("the number of an entry"), d.uint32("the frames of an entry")
	e := session.Stored{Seq: d.seq + gap, Count: count, At: d.at + d.int("the time of an entry")}
	place, kind := d.uint64("the terms of an entry"), d.uint64("the kind of an entry")
	left := d.head.end - d.seq // Seq and what is behind the entry stay within it
	if d.err != nil || count == 0 || gap > left || uint64(count) > left-gap ||
		place >= uint64(len(d.terms)) || kind > uint64(len(d.head.bodies)) {
		d.fail("has an entry that cannot be")
		return
	}
	e.Terms = d.terms[place]
	d.seq, d.at = e.Seq+uint64(count), e.At
	if kind == 0 {
		e.End = d.uint32("the size of an entry")
		if d.runs == nil {
			d.runs = make([]packet.Run, 0, cap(d.page)-len(d.page))
		}
		d.runs = d.runs[:len(d.runs)+1]
		e.Run = &d.runs[len(d.runs)-1]
		readRun(d.reader, e.Run, e.At)
		d.inline += int64(e.End)
	} else {
		offset, size := d.uint32("the offset of an entry"), d.uint32("the size of an entry")
		if e.Offset, e.End = offset, offset+size; e.End < offset {
			d.fail("has an entry that ends beyond all frames")
		}
		if d.places == nil {
			d.places = make([]int, 0, cap(d.page)-len(d.page))
		}
		d.places = append(d.places, int(kind-1))
	}
	d.size += int64(e.End - e.Offset)
	d.page = append(d.page, e)
}

// fill gives the entries their frames.
func (d *pageDecoder) fill(frames []byte, pinned int, body func(id uint64) (*packet.Run, error)) error {
	all := d.page
	d.page = all[:0]
	for _, e := range all {
		if e.Run != nil {
			if !setFrames(e.Run, frames[:e.End:e.End], pinned) || e.Run.Count != int(e.Count) {
				return corrupt(d.what, "has an entry without sound frames")
			}
			frames = frames[e.End:]
			d.page = append(d.page, e)
			continue
		}
		id := d.head.bodies[d.places[0]]
		d.places = d.places[1:]
		run, err := body(id)
		switch {
		case errors.Is(err, errAbsent):
			d.lost += int(e.Count)
			continue
		case err != nil:
			return err
		case !holds(run, e.Offset, e.End, int(e.Count)):
			return corrupt(d.what, "refers to frames that body %d does not have", id)
		}
		e.Run = run
		d.page = append(d.page, e)
	}
	clear(all[len(d.page):])
	return nil
}
