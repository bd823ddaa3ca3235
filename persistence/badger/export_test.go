package badger

import "time"

// Resting tells whether the compactors have nothing to do.
func (s *Store) Resting() bool {
	s.compactors.mu.Lock()
	defer s.compactors.mu.Unlock()
	return s.compactors.resting
}

// HurryClose has Close give up waiting sooner.
func (s *Store) HurryClose(most time.Duration) { s.giveUp.most = most }
