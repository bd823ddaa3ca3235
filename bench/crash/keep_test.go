package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/bench/internal/message"
	"github.com/troupemq/troupe/protocol/packet"
)

var keptStream = message.Stream{Topic: keptTopic, QoS: packet.QoS1}

const keptName = "crash/x/kept/0/0"

// What may be retained is the last value that was acknowledged, or a later one.
func TestReading(t *testing.T) {
	for name, c := range map[string]struct {
		values       string // v: a value, d: it is deleted; in capitals: acknowledged
		none         bool   // that nothing comes is right
		right, wrong []int
	}{
		"one":                        {"V", false, []int{0}, nil},
		"not acknowledged":           {"v", true, []int{0}, nil},
		"an old one":                 {"VVV", false, []int{2}, []int{0, 1}},
		"some not acknowledged":      {"VVvv", false, []int{1, 2, 3}, []int{0}},
		"deleted":                    {"VD", true, nil, []int{0, 1}},
		"perhaps deleted":            {"Vd", true, []int{0}, []int{1}},
		"anew":                       {"VDV", false, []int{2}, []int{0}},
		"perhaps anew":               {"VDv", true, []int{2}, []int{0}},
		"one that was never said":    {"V", false, nil, []int{5}},
		"deleted and anew, perhaps":  {"Vdv", true, []int{0, 2}, []int{1}},
		"acknowledged in one go":     {"vvV", false, []int{2}, []int{0, 1}},
		"nothing was ever published": {"", true, nil, []int{0}},
	} {
		t.Run(name, func(t *testing.T) {
			books := func() (*books, *reading) {
				b := newBooks(t)
				for _, v := range c.values {
					m := b.sayRetained(keptStream, v == 'd' || v == 'D')
					if v < 'a' {
						b.acknowledge(m)
					}
					b.complete(m)
				}
				return b, b.read("reader")
			}
			b, r := books()
			require.Equal(t, c.none, b.await(context.Background(), time.Millisecond, r.whole))
			b.miss(r)
			if c.none {
				b.found(nil)
			} else {
				b.found(map[kind]int{retained: 1})
				require.Contains(t, b.out.String(), keptName)
			}
			for _, number := range c.right {
				b, r := books()
				b.find(r, keptName, message.Message{Stream: keptStream, Number: number})
				require.True(t, r.whole())
				b.found(nil)
			}
			for _, number := range c.wrong {
				b, r := books()
				b.find(r, keptName, message.Message{Stream: keptStream, Number: number})
				b.found(map[kind]int{retained: 1})
			}
		})
	}
}

func TestReadingJudgesTheRest(t *testing.T) {
	b := newBooks(t)
	m := b.sayRetained(keptStream, false)
	b.acknowledgeAll(m)
	r := b.read("reader")
	b.find(r, keptName, m)
	b.find(r, keptName, m)
	b.found(map[kind]int{twice: 1})
	b.find(r, "crash/x/kept/0/1", m)
	b.found(map[kind]int{twice: 1, misrouted: 1})
}

// What never left is not among the values, and what is said while a reader waits
// changes nothing for it.
func TestReadingIsOfOneMoment(t *testing.T) {
	b := newBooks(t)
	m := b.sayRetained(keptStream, false)
	b.acknowledgeAll(m)
	b.unsayRetained(b.sayRetained(keptStream, true))
	r := b.read("reader")
	b.acknowledgeAll(b.sayRetained(keptStream, false))
	require.Equal(t, map[string]bool{keptName: true}, r.missing)
	b.find(r, keptName, m)
	b.found(nil)
	b.wait()
	b.found(nil)
}
