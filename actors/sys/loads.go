package sys

import (
	"math"
	"strconv"

	"github.com/troupemq/troupe/internal/telemetry"
)

// loads are moving averages per minute over 1, 5 and 15 minutes, as
// $SYS/broker/load/… has them.
type loads struct {
	at     int64 // Unix ms of the last update, 0: none yet
	counts [len(loadNames)]int64
	rates  [len(loadNames)][len(loadMinutes)]float64
}

var loadNames = [...]string{
	"messages/received", "messages/sent",
	"publish/received", "publish/sent", "publish/dropped",
	"bytes/received", "bytes/sent",
	"connections",
}

var loadMinutes = [...]float64{1, 5, 15}

func (l *loads) update(c *telemetry.Counters, now int64) {
	counts := [len(loadNames)]int64{
		c.PacketsReceived.Load(), c.PacketsSent.Load(),
		c.PublishReceived.Load(), c.PublishSent.Load(), dropped(c),
		c.BytesReceived.Load(), c.BytesSent.Load(),
		c.ConnectionsAccepted.Load(),
	}
	if minutes := float64(now-l.at) / 60_000; l.at != 0 && minutes > 0 {
		for i := range counts {
			perMinute := float64(counts[i]-l.counts[i]) / minutes
			for j, window := range loadMinutes {
				keep := math.Exp(-minutes / window)
				l.rates[i][j] = perMinute + keep*(l.rates[i][j]-perMinute)
			}
		}
	}
	l.at, l.counts = now, counts
}

func (l *loads) each(publish func(topic, value string)) {
	for i, name := range loadNames {
		for j, window := range loadMinutes {
			publish(name+"/"+strconv.Itoa(int(window))+"min", strconv.FormatFloat(l.rates[i][j], 'f', 2, 64))
		}
	}
}
