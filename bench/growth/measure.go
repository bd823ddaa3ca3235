package main

import (
	"fmt"
	"time"

	"github.com/troupemq/troupe/bench/internal/disk"
)

// measurement is the directory at one moment, in bytes.
type measurement struct {
	at                         time.Duration
	disk, live, limit, written int64
	waiting                    int64 // messages for the Session that is away
}

func (m measurement) String() string {
	return fmt.Sprintf("%8.0fs directory %s, live %s, limit %s, written %s, waiting %d", m.at.Seconds(), mib(m.disk), mib(m.live), mib(m.limit), mib(m.written), m.waiting)
}

// extra is what a record has besides topic and payload, about.
const extra = 64

// measure looks at the directory, and remembers when it was worst.
func (w *world) measure() (measurement, error) {
	bytes, err := disk.Usage(w.data)
	if err != nil {
		return measurement{}, err
	}
	m := measurement{at: time.Since(w.began), disk: bytes, written: w.written.Load(), waiting: max(0, w.said.Load()-w.sometimes.received.Load())}
	m.live = (int64(w.topics) + m.waiting) * w.each()
	m.limit = w.floor + w.multiple*m.live
	if w.worst.limit == 0 || m.disk-m.limit > w.worst.disk-w.worst.limit {
		w.worst = m
	}
	return m, nil
}

// each is what one message takes at least.
func (w *world) each() int64 { return int64(len(w.topic(0)) + w.payload + extra) }

func mib(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
