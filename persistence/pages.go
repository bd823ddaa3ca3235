package persistence

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// LoadedPage is a page of a session's queue as a store has it.
type LoadedPage struct {
	First  uint64       // the number in its key
	Size   int          // of its frames in bytes, those of shared bodies too
	Page   session.Page // without what is Lost
	Bodies []uint64     // that it refers to, each once
	Lost   int          // messages whose body the store does not have
}

// LoadPages reads pages of a session, in their order, from the one on that holds
// a frame of number from or above: of most bytes of frames, but at least one
// page. last tells that there are none behind them. After an error pages has
// those that stand before the damage.
//
// A page that was removed during the call may come with messages Lost; none of
// them is needed any more.
//
// Errors: what the store returns, and [ErrCorrupt].
func LoadPages(store Store, sid, from uint64, most int) (pages []LoadedPage, last bool, err error) {
	values, last, scanned := scanPages(store, sid, from, most)
	bodies := make(map[uint64]*packet.Run) // each frame is on one page, so this stays about as small as most
	for _, v := range values {
		p := LoadedPage{First: v.first, Size: int(v.head.size), Bodies: v.head.bodies}
		p.Page, p.Lost, err = decodePage(v.value, func(id uint64) (*packet.Run, error) { return readBody(store, bodies, id) }, true)
		if err != nil {
			return pages, false, ofPage(sid, v.first, err)
		}
		pages = append(pages, p)
	}
	return pages, last, scanned
}

// pageValue is a page that was not decoded yet.
type pageValue struct {
	first uint64
	head  pageHead
	value []byte
}

// scanPages copies the values of the pages that LoadPages is asked for.
func scanPages(store Store, sid, from uint64, most int) (values []pageValue, last bool, err error) {
	last = true
	size := int64(0)
	scanned := store.Scan(PartPage.Key(sid), nil, func(key, value []byte) bool {
		in, head := readPageHead(value)
		if in.err != nil {
			err = ofPage(sid, Number(key, 1), in.err)
			return false
		}
		if head.end <= from {
			return true
		}
		if size += head.size; len(values) > 0 && size > int64(most) {
			last = false
			return false
		}
		values = append(values, pageValue{Number(key, 1), head, bytes.Clone(value)})
		return true
	})
	if err == nil {
		err = scanned
	}
	return values, last && err == nil, err
}

// readBody reads a body that may have been read before.
func readBody(store Store, read map[uint64]*packet.Run, id uint64) (*packet.Run, error) {
	if run, ok := read[id]; ok {
		return run, nil
	}
	value, err := store.Get(nil, PartBody.Key(id))
	if errors.Is(err, ErrNotFound) {
		return nil, errAbsent
	}
	if err != nil {
		return nil, err
	}
	run, err := decodeBody(id, value)
	if err != nil {
		return nil, fmt.Errorf("body %d: %w", id, err)
	}
	read[id] = run
	return run, nil
}

// ofPage says which page is damaged.
func ofPage(sid, first uint64, err error) error {
	return fmt.Errorf("session %d, page %d: %w", sid, first, err)
}
