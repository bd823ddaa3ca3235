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
	Lost   int          // messages whose body is damaged or not there
	Damage error        // wraps ErrCorrupt: something of the page could not be read; if it is the page itself, Page is empty
}

// LoadPages reads pages of a session, in their order, from the one on that holds
// a frame of number from or above: of most bytes of frames, but at least one
// page. last tells that there are none behind them.
//
// A page that is damaged comes as such, so that those behind it are not lost with
// it. A page that was removed during the call may come with messages Lost; none
// of them is needed any more.
//
// An error is one of the store. pages has then what stands before it, and last is
// false: there may be more, and the rest may be asked for again.
func LoadPages(store Store, sid, from uint64, most int) (pages []LoadedPage, last bool, err error) {
	defer func() { last = last && err == nil }()
	defer Caught(&err)
	values, last, scanned := scanPages(store, sid, from, most)
	bodies := bodyReader{store: store, read: make(map[uint64]*packet.Run)}
	for _, v := range values {
		bodies.damage = nil
		p := LoadedPage{First: v.first, Size: int(v.head.size), Bodies: v.head.bodies}
		p.Page, p.Lost, err = decodePage(v.value, bodies.body, true)
		if bodies.failed != nil {
			return pages, false, ofPage(sid, v.first, bodies.failed)
		}
		if err = errors.Join(err, bodies.damage); err != nil {
			p.Damage = ofPage(sid, v.first, err)
		}
		pages = append(pages, p)
	}
	return pages, last, scanned
}

// pageValue is a page that was not decoded yet.
type pageValue struct {
	first uint64
	head  pageHead // empty if it is damaged
	value []byte
}

// scanPages copies the values of the pages that LoadPages is asked for.
func scanPages(store Store, sid, from uint64, most int) (values []pageValue, last bool, err error) {
	size, full := int64(0), false
	err = store.Scan(PartPage.Key(sid), nil, func(key, value []byte) bool {
		in, head := readPageHead(value)
		switch {
		case in.err != nil:
			head = pageHead{size: int64(len(value))}
		case head.end <= from:
			return true
		}
		size += head.size
		if full = len(values) > 0 && size > int64(most); full {
			return false
		}
		values = append(values, pageValue{Number(key, 1), head, bytes.Clone(value)})
		return true
	})
	return values, !full && err == nil, err
}

// bodyReader reads bodies, each once.
type bodyReader struct {
	store  Store
	read   map[uint64]*packet.Run // each message is on one page, so this stays about as small as these are
	damage error                  // of the bodies that were asked for
	failed error                  // the store did
}

// body gives a body. Its error is errAbsent, or failed.
func (r *bodyReader) body(id uint64) (*packet.Run, error) {
	if run, ok := r.read[id]; ok {
		return run, nil
	}
	value, err := r.store.Get(nil, PartBody.Key(id))
	var run *packet.Run
	if err == nil {
		run, err = decodeBody(id, value)
	}
	switch {
	case err == nil:
		r.read[id] = run
		return run, nil
	case errors.Is(err, ErrNotFound):
	case errors.Is(err, ErrCorrupt):
		r.damage = errors.Join(r.damage, ofBody(id, err))
	default:
		r.failed = ofBody(id, err)
		return nil, r.failed
	}
	return nil, errAbsent
}

// ofPage says with which page something is wrong.
func ofPage(sid, first uint64, err error) error {
	return fmt.Errorf("session %d, page %d: %w", sid, first, err)
}

func ofBody(id uint64, err error) error { return fmt.Errorf("body %d: %w", id, err) }
