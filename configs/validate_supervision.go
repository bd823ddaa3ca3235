package configs

import "time"

func (v *validation) supervision(s *Supervision) {
	const least = Duration(10 * time.Millisecond)
	v.choice("supervision.on_failure", string(s.OnFailure), s.OnFailure)
	v.duration("supervision.backoff.initial", s.Backoff.Initial, least)
	if s.Backoff.Initial >= least {
		v.check(s.Backoff.Maximum >= s.Backoff.Initial, "supervision.backoff.maximum",
			"%v is not allowed; allowed: %v, which is supervision.backoff.initial, or more", s.Backoff.Maximum, s.Backoff.Initial)
	}
}

// Isolated tells whether whoever wrote s has said what is to become of the
// instance alone: then what it lacks at a start keeps no other from starting.
func (s Supervision) Isolated() bool {
	return s.OnFailure == OnFailureRestart || s.OnFailure == OnFailureStop
}
