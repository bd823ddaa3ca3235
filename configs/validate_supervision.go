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
