package bridge

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// stream is what one publisher says: messages with numbers from 1 on, on one topic with one QoS, each published once.
type stream struct {
	name  string
	topic string
	qos   byte

	mu    sync.Mutex
	sent  int
	acked map[int]bool
}

func newStream(name, topic string, qos byte) *stream {
	return &stream{name: name, topic: topic, qos: qos, acked: make(map[int]bool)}
}

// next is the payload of the next message.
func (s *stream) next() (number int, payload string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent++
	return s.sent, fmt.Sprintf("%s %d", s.name, s.sent)
}

// acknowledge notes that the publisher was told that the message is safe.
func (s *stream) acknowledge(number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acked[number] = true
}

// verdict is what became of a stream.
type verdict struct {
	stream    string
	sent      int
	acked     int
	lost      []int // acknowledged and not received
	repeated  []int // received more than once
	disorders []int // received, for the first time, after a later one
}

// judge compares a stream with what came to witnesses that are to have all of it together.
func (s *stream) judge(witnesses ...*witness) verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := verdict{stream: s.name, sent: s.sent, acked: len(s.acked)}
	times := make(map[int]int)
	for _, w := range witnesses {
		latest := 0
		for _, number := range w.numbers(s.name) {
			if times[number]++; times[number] == 2 {
				v.repeated = append(v.repeated, number)
			}
			if number < latest && times[number] == 1 {
				v.disorders = append(v.disorders, number)
			}
			latest = max(latest, number)
		}
	}
	for number := range s.acked {
		if times[number] == 0 {
			v.lost = append(v.lost, number)
		}
	}
	slices.Sort(v.lost)
	return v
}

func (v verdict) String() string {
	text := fmt.Sprintf("%s: %d sent, %d acknowledged, %d lost, %d repeated, %d out of order", v.stream, v.sent, v.acked, len(v.lost), len(v.repeated), len(v.disorders))
	for _, some := range []struct {
		name    string
		numbers []int
	}{{"lost", v.lost}, {"repeated", v.repeated}, {"out of order", v.disorders}} {
		if len(some.numbers) > 0 {
			text += fmt.Sprintf("; %s: %s", some.name, strings.Trim(fmt.Sprint(some.numbers[:min(10, len(some.numbers))]), "[]"))
		}
	}
	return text
}
