package badger

import "time"

// Resting tells whether the compactors have nothing to do.
func (s *Store) Resting() bool {
	s.compacting.Lock()
	defer s.compacting.Unlock()
	return s.resting
}

// HurryClose has Close give up waiting sooner.
func (s *Store) HurryClose(most time.Duration) { s.giveUp.most = most }
