package troupe

import "time"

// sample is how much Clients had sent at one moment.
type sample struct {
	at              time.Time
	messages, bytes int64
}

// pace measures what Clients send a second, between one question and the next. It
// takes no timer of an instance that nobody asks.
type pace struct{ before, last sample }

// paceLeast is the shortest time that a rate is told of.
const paceLeast = time.Second

func newPace(now time.Time) pace {
	begun := sample{at: now}
	return pace{begun, begun}
}

// now tells the rate up to s: since the question before, unless that is so short
// ago that it would say little.
func (p *pace) now(s sample) (messages, bytes float64) {
	if s.at.Sub(p.last.at) >= paceLeast {
		p.before, p.last = p.last, s
	}
	passed := s.at.Sub(p.before.at)
	if passed < paceLeast {
		return 0, 0
	}
	return float64(s.messages-p.before.messages) / passed.Seconds(), float64(s.bytes-p.before.bytes) / passed.Seconds()
}

// Units of rates.
const (
	perSecondMessages = "messages/s"
	perSecondBytes    = "bytes/s"
)

// used is what an instance uses of what it may use.
func (t *tree) used(p *pace, now time.Time) []InstanceShare {
	messages, bytes := p.now(sample{now, t.counters.PublishReceived.Load(), t.counters.BytesReceived.Load()})
	all := make([]InstanceShare, len(t.shares))
	for i, s := range t.shares {
		all[i] = InstanceShare{Name: s.key, Unit: s.unit, Limit: float64(s.limit())}
		switch {
		case s.used != nil:
			all[i].Used = float64(s.used())
		case s.unit == perSecondMessages:
			all[i].Used = messages
		case s.unit == perSecondBytes:
			all[i].Used = bytes
		}
		if s.reached != nil {
			reached := s.reached()
			all[i].Reached = &reached
		}
	}
	return all
}
