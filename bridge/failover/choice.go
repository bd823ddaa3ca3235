package failover

import "github.com/troupemq/troupe/protocol/packet"

// choose gives the upstream to try now; nil: all are backing off.
func (f *Failover) choose() *upstream {
	switch able := f.able(); {
	case len(able) == 0:
		return nil
	case f.o.Order == Priority || f.last == nil && f.o.Order == Rotate:
		return able[0]
	case f.o.Order == Rotate:
		return f.after(able)
	default:
		return f.any(able)
	}
}

// able gives the upstreams that are not backing off.
func (f *Failover) able() (able []*upstream) {
	for _, u := range f.upstreams {
		if u.retryAt <= f.now {
			able = append(able, u)
		}
	}
	return able
}

// after gives the next one in the circle.
func (f *Failover) after(able []*upstream) *upstream {
	for _, u := range able {
		if u.index > f.last.index {
			return u
		}
	}
	return able[0]
}

// any gives one by chance, and the last one only if there is no other.
func (f *Failover) any(able []*upstream) *upstream {
	others := without(able, f.last)
	if len(others) == 0 {
		return able[0]
	}
	return others[f.o.Rand.IntN(len(others))]
}

// other gives an upstream that the link is not to: the next in order or, if all back off, the one that does so for the shortest time.
func (f *Failover) other(l *link, now int64) *upstream {
	f.now = now
	var current *upstream
	if l != nil {
		current = l.upstream
	}
	able := without(f.able(), current)
	switch {
	case len(able) > 0 && f.o.Order == Rotate && f.last != nil:
		return f.after(able)
	case len(able) > 0 && f.o.Order == Random:
		return able[f.o.Rand.IntN(len(able))]
	case len(able) > 0:
		return able[0]
	}
	var soonest *upstream
	for _, u := range without(f.upstreams, current) {
		if soonest == nil || u.retryAt < soonest.retryAt {
			soonest = u
		}
	}
	return soonest
}

// others tells whether there is another upstream to try now.
func (f *Failover) others(u *upstream) bool { return len(without(f.able(), u)) > 0 }

func without(list []*upstream, one *upstream) (others []*upstream) {
	for _, u := range list {
		if u != one {
			others = append(others, u)
		}
	}
	return others
}

// fail has an upstream back off.
func (f *Failover) fail(u *upstream, end End) {
	u.failures++
	pause := f.o.Maximum
	if end.Near || !permanent(end.Code) {
		pause = f.o.Initial
		for i := 1; i < u.failures && pause < f.o.Maximum; i++ {
			pause *= 2
		}
		pause = min(pause, f.o.Maximum)
	}
	u.retryAt = f.now + pause - f.o.Rand.Int64N(pause/2+1)
}

// permanent tells whether an upstream will most likely say the same again.
func permanent(code packet.ReasonCode) bool {
	switch code {
	case packet.UnsupportedProtocolVersion, packet.ClientIdentifierNotValid, packet.BadUserNameOrPassword, packet.NotAuthorized, packet.Banned:
		return true
	}
	return false
}
