package bridge

import (
	"strings"
	"unicode"

	"go.uber.org/zap"

	"github.com/troupemq/troupe/bridge/failover"
	"github.com/troupemq/troupe/protocol/packet"
)

// repeatedAfter is how long, in milliseconds, an upstream may go on failing in the same way until that is logged again.
const repeatedAfter = 3_600_000

// episode is a time in which an upstream fails, again and again. It ends when a link to it has carried for a while.
type episode struct {
	// logged is when a failure was last logged, by its text without numbers: ports are another with each attempt.
	logged    map[string]int64
	failures  int  // since the last line
	connected bool // that it was, has been logged
}

// textsMost bounds how many different failures of an episode are told apart.
const textsMost = 16

func (b *Bridge) logCarries(l *running, c failover.Link) {
	e := b.episodes[c.Upstream]
	fields := []zap.Field{zap.String("upstream", l.name), zap.Bool("session_present", l.present), zap.Int64("took_ms", b.now()-l.began)}
	if c.Why != "" {
		fields = append(fields, zap.String("why", c.Why))
	}
	text := "connected"
	if b.used != "" && b.used != l.name {
		text = "switched to another upstream"
		fields = append(fields, zap.String("from", b.used))
	}
	if e != nil && e.connected {
		b.log.Debug(text, fields...)
		return
	}
	if e != nil {
		e.connected = true
	}
	b.log.Info(text, fields...)
}

// logEnd tells of a link that ends, before that is taken account of.
func (b *Bridge) logEnd(id failover.ID, end failover.End) {
	c, _ := b.choice.Carrier()
	n, _ := b.choice.Candidate()
	p, _ := b.choice.Probe()
	fields := func(l failover.Link) []zap.Field {
		name := l.Upstream
		if r := b.links[id]; r != nil {
			name = r.name
		}
		return []zap.Field{zap.String("upstream", name), zap.String("cause", end.Text)}
	}
	switch {
	case c.ID == id && c.Leaving && end.Asked:
		b.log.Info("the link was ended in order", zap.String("upstream", c.Upstream))
	case c.ID == id && end.Code == packet.SessionTakenOver && n.ID != 0:
		b.log.Info("the upstream ended the link for the new one", zap.String("upstream", c.Upstream))
	case c.ID == id:
		if c.Carries && b.now() >= c.SettledAt {
			delete(b.episodes, c.Upstream)
		}
		b.logFailure("the link was lost", c.Upstream, end.Text, fields(c))
	case n.ID == id:
		b.logFailure("cannot connect", n.Upstream, end.Text, fields(n))
	case p.ID == id:
		b.logFailure("a better upstream is not healthy", p.Upstream, end.Text, fields(p))
	}
}

// logFailure logs the first failure of an upstream, then when it fails in another way or has done so for long: one that is down for a night is not to
// fill the disk.
func (b *Bridge) logFailure(text, name, cause string, fields []zap.Field) {
	what, now := text+withoutNumbers(cause), b.now()
	e := b.episodes[name]
	if e == nil {
		e = &episode{logged: make(map[string]int64)}
		b.episodes[name] = e
	}
	at, known := e.logged[what]
	if known && now-at < repeatedAfter || !known && len(e.logged) >= textsMost {
		e.failures++
		b.log.Debug(text, fields...)
		return
	}
	if e.failures > 0 {
		fields = append(fields, zap.Int("failures_since_last_line", e.failures))
	}
	e.logged[what], e.failures = now, 0
	b.log.Warn(text, fields...)
}

func withoutNumbers(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, text)
}
