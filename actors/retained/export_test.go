package retained

// Hide takes the messages away, so that the actor fails when it looks for one,
// until they are shown again.
func (s *Store) Hide() (show func()) {
	tree := s.tree
	s.tree = nil
	return func() { s.tree = tree }
}

// Bounds of one turn, one group and one slice.
const (
	EvictMost     = evictMost
	GoneMost      = goneMost
	SliceMessages = sliceMessages
)
