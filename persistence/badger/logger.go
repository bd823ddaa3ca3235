package badger

import (
	"strings"

	"go.uber.org/zap"
)

// logger gives the library's log lines to ours. What it calls info is of use to
// who debugs the store alone, and its debug lines come with every write.
type logger struct {
	log    *zap.SugaredLogger
	giveUp *giveUp
}

func (l logger) Errorf(format string, args ...any) {
	l.log.Errorf(line(format), args...)
	l.giveUp.failure(format)
}
func (l logger) Warningf(format string, args ...any) { l.log.Warnf(line(format), args...) }
func (l logger) Infof(format string, args ...any)    { l.log.Debugf(line(format), args...) }
func (l logger) Debugf(format string, _ ...any)      { l.giveUp.hears(format) }

func line(format string) string { return "store: " + strings.TrimSpace(format) }
