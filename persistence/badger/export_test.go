package badger

// Resting tells whether the compactors have nothing to do.
func (s *Store) Resting() bool {
	s.compacting.Lock()
	defer s.compacting.Unlock()
	return s.resting
}
