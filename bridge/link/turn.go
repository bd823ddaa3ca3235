package link

// What a bridge brings is a part of what comes into the instance: once a link
// carries, it waits for its turn to read as a Client's connection does. The time
// that it waits says nothing about the upstream.

// turn comes to a link whose turn it is.
type turn struct{}

// Turn implements rate.Waiter.
func (l *Link) Turn() { l.mailbox.Post(turn{}) }

// wait puts the link in line.
func (l *Link) wait() {
	l.waits = true
	l.interest()
	l.env.Rate.Wait(l, l.now())
}

// turn reads a turn's worth.
func (l *Link) turn() {
	now := l.now()
	if l.phase == over || !l.waits {
		l.env.Rate.Taken(l, now) // it left the line while the turn was on its way
		return
	}
	l.waits = false
	defer l.env.Rate.Taken(l, now) // also when it fails
	l.health.resume(now)
	if !l.deaf() {
		l.readMost(min(l.loop.ReadBudget(), l.env.Rate.Bytes(now)))
	}
	l.interest()
	if l.phase != over {
		l.arm()
	}
}

// leaveLine is for a link that is left: what is in flight is to be completed soon.
func (l *Link) leaveLine() {
	if l.waits {
		l.waits = false
		l.env.Rate.Leave(l, l.now())
		l.interest()
	}
}

// took counts what was taken of the instance's rate.
func (l *Link) took(messages, bytes int) {
	if r := l.env.Rate; r.On() {
		r.Took(messages, bytes, l.now())
	}
}
