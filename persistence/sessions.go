package persistence

import (
	"fmt"

	"github.com/troupemq/troupe/protocol/session"
)

// SavedSession is what a store has of a session, but for its pages.
type SavedSession struct {
	ID            uint64
	Record        *session.Record
	Head          *session.Head // nil: none was written
	Subscriptions []session.Subscription
}

// sessionsAtOnce bounds what ReadSessions holds in memory.
const sessionsAtOnce = 4096

// ReadSessions visits all sessions in the order of their numbers, until visit
// returns an error, which it returns then. It reads some thousands at a time,
// part by part, so visit may use the store; nobody must write sessions meanwhile.
// What there is of a session without a Record is not visited.
func ReadSessions(store Store, visit func(SavedSession) error) error {
	for next := uint64(0); ; {
		some, err := readRecords(store, next)
		if err != nil || len(some) == 0 {
			return err
		}
		if err := readHeads(store, some); err != nil {
			return err
		}
		if err := readSubscriptions(store, some); err != nil {
			return err
		}
		for _, s := range some {
			if err := visit(s); err != nil {
				return err
			}
		}
		next = some[len(some)-1].ID + 1
		if len(some) < sessionsAtOnce || next == 0 {
			return nil
		}
	}
}

// ReadSession reads one session. ErrNotFound: there is none with this number.
func ReadSession(store Store, id uint64) (_ *SavedSession, err error) {
	defer Caught(&err)
	value, err := store.Get(nil, PartSession.Key(id))
	if err != nil {
		return nil, ofSession(id, err)
	}
	some := []SavedSession{{ID: id}}
	if some[0].Record, err = DecodeRecord(value); err != nil {
		return nil, ofSession(id, err)
	}
	if err := readHeads(store, some); err != nil {
		return nil, err
	}
	if err := readSubscriptions(store, some); err != nil {
		return nil, err
	}
	return &some[0], nil
}

// readRecords reads the next sessions from a number on.
func readRecords(store Store, from uint64) (some []SavedSession, err error) {
	scanned := store.Scan(PartSession.Key(), PartSession.Key(from), func(key, value []byte) bool {
		s := SavedSession{ID: Number(key, 0)}
		if s.Record, err = DecodeRecord(value); err != nil {
			err = ofSession(s.ID, err)
			return false
		}
		some = append(some, s)
		return len(some) < sessionsAtOnce
	})
	if err == nil {
		err = scanned
	}
	return some, err
}

// readHeads gives sessions, which are in the order of their numbers, their Heads.
func readHeads(store Store, some []SavedSession) error {
	return join(store, PartHead, some, func(s *SavedSession, _, value []byte) (err error) {
		s.Head, err = DecodeHead(value)
		return err
	})
}

func readSubscriptions(store Store, some []SavedSession) error {
	return join(store, PartSubscription, some, func(s *SavedSession, key, value []byte) error {
		sub, err := DecodeSubscription(string(Text(key, 1)), value)
		if err == nil {
			s.Subscriptions = append(s.Subscriptions, sub)
		}
		return err
	})
}

// join visits what a part has of sessions.
func join(store Store, part Part, some []SavedSession, visit func(s *SavedSession, key, value []byte) error) (err error) {
	i := 0
	scanned := store.Scan(part.Key(), part.Key(some[0].ID), func(key, value []byte) bool {
		id := Number(key, 0)
		for i < len(some) && some[i].ID < id {
			i++
		}
		if i == len(some) {
			return false
		}
		if some[i].ID == id {
			if err = visit(&some[i], key, value); err != nil {
				err = ofSession(id, err)
			}
		}
		return err == nil
	})
	if err == nil {
		err = scanned
	}
	return err
}

// ofSession says of which session a damaged value is.
func ofSession(id uint64, err error) error { return fmt.Errorf("session %d: %w", id, err) }

// EndedSessions gives the numbers of sessions that are over and of which
// something is left: see [Reap].
func EndedSessions(store Store) (ids []uint64, err error) {
	err = store.Scan(PartEnded.Key(), nil, func(key, _ []byte) bool {
		ids = append(ids, Number(key, 0))
		return true
	})
	return ids, err
}
