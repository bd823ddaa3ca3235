package main

import (
	"fmt"
	"strings"

	"github.com/troupemq/troupe/bench/internal/message"
)

// kept is what may be retained of one topic: the value that was acknowledged
// last, and those that were sent after it. Its publisher keeps them in order.
type kept struct{ values []value }

// value is one Retained Message of a topic, or that there is none.
type value struct {
	number int
	none   bool
}

func (v value) String() string {
	if v.none {
		return "none"
	}
	return fmt.Sprint("number ", v.number)
}

// acknowledge lets go of what was before a value.
func (k *kept) acknowledge(m message.Message) {
	for i, v := range k.values {
		if v.number == m.Number {
			k.values = k.values[i:]
			return
		}
	}
}

// sayRetained begins the next message of a stream whose topic retains it; none:
// it deletes what is there.
func (l *ledger) sayRetained(s message.Stream, none bool) message.Message {
	l.lock()
	defer l.unlock()
	m := l.promise(s)
	l.open[m] = struct{}{}
	l.figures.said++
	topic := topicName(l.root, s)
	k := l.kept[topic]
	if k == nil {
		k = &kept{[]value{{-1, true}}}
		l.kept[topic] = k
	}
	k.values = append(k.values, value{m.Number, none})
	return m
}

// unsayRetained takes back the last one, which never left.
func (l *ledger) unsayRetained(m message.Message) {
	l.withdraw(m)
	l.lock()
	defer l.unlock()
	k := l.kept[topicName(l.root, m.Stream)]
	k.values = k.values[:len(k.values)-1]
}

// reading holds the Retained Messages that a new subscription brings against
// what may be retained at that moment.
type reading struct {
	name    string
	allowed map[string][]value
	missing map[string]bool
	got     map[string]bool
}

// read begins a reading. Nobody may publish with RETAIN until it is whole.
func (l *ledger) read(name string) *reading {
	l.lock()
	defer l.unlock()
	l.figures.readings++
	r := &reading{name: name, allowed: make(map[string][]value), missing: make(map[string]bool), got: make(map[string]bool)}
	for topic, k := range l.kept {
		r.allowed[topic] = append([]value(nil), k.values...)
		r.missing[topic] = true
		for _, v := range k.values {
			if v.none {
				delete(r.missing, topic)
			}
		}
	}
	return r
}

// find notes a message with RETAIN of a reading, and judges it, however late it comes.
func (l *ledger) find(r *reading, topic string, m message.Message) {
	l.lock()
	defer l.unlock()
	l.figures.retained++
	if want := topicName(l.root, m.Stream); topic != want {
		l.note(misrouted, "%s got %s at %q instead of %q", r.name, m, topic, want)
		return
	}
	if r.got[topic] {
		l.note(twice, "%s got a second Retained Message at %q: %s", r.name, topic, m)
	}
	r.got[topic] = true
	ok := false
	for _, v := range r.allowed[topic] {
		ok = ok || !v.none && v.number == m.Number
	}
	if !ok {
		l.note(retained, "%s got %s at %q, where there may be: %s", r.name, m, topic, list(r.allowed[topic]))
	}
	delete(r.missing, topic)
	if len(r.missing) == 0 {
		l.wake()
	}
}

// whole tells whether all came that had to come; it is for await.
func (r *reading) whole() bool { return len(r.missing) == 0 }

// miss tells what did not come to a reading.
func (l *ledger) miss(r *reading) {
	l.lock()
	defer l.unlock()
	for topic := range r.missing {
		l.note(retained, "%s got nothing at %q, where there may be: %s", r.name, topic, list(r.allowed[topic]))
	}
}

func list(values []value) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = v.String()
	}
	return strings.Join(texts, ", ")
}
