package session

// Shrink makes durable Sessions write, keep and read little at a time.
func (l *Limits) Shrink(page int, keep int64, low int) {
	l.pages = pageLimits{page: page, keep: keep, low: low}
}
