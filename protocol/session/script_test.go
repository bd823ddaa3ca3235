package session_test

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// TestConversations plays the scripts in testdata. `case` begins with a broker of its own and takes
// limits, `then` goes on with it. Each line is something that a connection sends (`a publish t "x"`),
// that happens to it (`a cut`), or that the broker does (`wait 5s`); a line that ends with `\` goes in
// one buffer with the next. What comes out is what the connections get. `go test -rewrite` writes it anew.
func TestConversations(t *testing.T) {
	datadriven.Walk(t, "testdata/conversations", func(t *testing.T, path string) {
		var b *broker
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "case":
				b = newBroker()
				for _, a := range d.CmdArgs {
					if err := b.limit(a.Key, a.Vals); err != nil {
						d.Fatalf(t, "%v", err)
					}
				}
			case "then":
			default:
				d.Fatalf(t, "unknown directive %s", d.Cmd)
			}
			b.log.Reset()
			joined := make(map[string][]byte)
			for text := range strings.Lines(d.Input) {
				if err := b.play(strings.TrimSpace(text), joined); err != nil {
					d.Fatalf(t, "%s: %v", strings.TrimSpace(text), err)
				}
			}
			return b.log.String()
		})
	})
}

func (b *broker) limit(key string, values []string) error {
	value := "1"
	if len(values) > 0 {
		value = values[0]
	}
	l := &b.limits
	if key == "overflow" {
		policy, ok := map[string]session.Overflow{"drop-oldest": session.DropOldest, "drop-newest": session.DropNewest, "reject": session.Reject}[value]
		if !ok {
			return fmt.Errorf("overflow %s", value)
		}
		l.Queue.Overflow = policy
		return nil
	}
	if key == "response" {
		b.response = value
		return nil
	}
	n, err := strconv.ParseUint(value, 10, 32)
	if err != nil {
		return err
	}
	switch key {
	case "receive-maximum":
		l.ReceiveMaximum = uint16(n)
	case "max-inflight":
		l.MaxInflight = uint16(n)
	case "aliases":
		l.TopicAliasMaximum = uint16(n)
	case "max-packet-size":
		l.MaxPacketSize = uint32(n)
	case "max-qos":
		l.MaxQoS = packet.QoS(n)
	case "retain":
		l.RetainAvailable = n != 0
	case "keep-alive":
		l.ServerKeepAlive = uint16(n)
	case "expiry-maximum":
		l.ExpiryMaximum = uint32(n)
	case "levels":
		l.TopicLevels = int(n)
	case "durable":
		b.durable = true
		l.Shrink(int(n), int64(n), 1)
	case "queue":
		l.Queue.Messages = int(n)
	case "queue-bytes":
		l.Queue.Bytes = int64(n)
	case "age":
		l.Queue.Age = int64(n)
	case "qos0-bytes":
		l.Queue.QoS0Bytes = int64(n)
	default:
		return fmt.Errorf("unknown limit %s", key)
	}
	return nil
}

// play does one line.
func (b *broker) play(text string, joined map[string][]byte) error {
	if text == "" || strings.HasPrefix(text, "#") {
		return nil
	}
	text, more := strings.CutSuffix(text, `\`)
	w, err := split(text)
	if err != nil {
		return err
	}
	switch w.first() {
	case "wait":
		b.advance(w.duration())
		return nil
	case "hold":
		b.hold = true
		return nil
	case "release":
		b.release()
		return nil
	case "collect":
		b.collect()
		return nil
	case "commit":
		b.commit()
		return nil
	case "load":
		b.load()
		return nil
	case "crash":
		b.crash()
		return nil
	case "deny":
		w.next()
		name := w.next()
		b.denied[name] = packet.ReasonCode(w.integer())
		return nil
	}
	name := w.next()
	switch w.first() {
	case "cut":
		b.cut(b.links[name])
		return nil
	case "congest", "relieve":
		on := w.next() == "congest"
		b.do(b.links[name].client, func(s *session.Session, out *session.Output) { s.Congest(on, b.now, out) })
		return nil
	case "kick":
		w.next()
		code := packet.ReasonCode(w.integer())
		b.do(b.links[name].client, func(s *session.Session, out *session.Output) { s.Disconnect(code, b.now, out) })
		return nil
	case "end":
		w.next()
		code := packet.ReasonCode(w.integer())
		b.do(b.sessions[name], func(s *session.Session, out *session.Output) { s.End(code, b.now, out) })
		return nil
	case "recover":
		b.do(b.sessions[name], func(s *session.Session, out *session.Output) { s.Recover(b.now, out) })
		b.links[name].open = false
		b.sessions[name].link = nil
		b.sessions[name].lose()
		return nil
	case "state":
		b.state(name)
		return nil
	}
	l := b.link(name)
	frame, err := w.frame(l)
	if err != nil {
		return err
	}
	joined[name] = append(joined[name], frame...)
	if !more {
		frames := joined[name]
		delete(joined, name)
		b.receive(l, frames)
	}
	return w.done()
}

// state shows what a Session holds and has counted.
func (b *broker) state(id string) {
	c := b.sessions[id]
	if c == nil {
		b.printf("%s: no session", id)
		return
	}
	var l line
	messages, _ := c.s.Backlog()
	l.add("%s: inflight=%d backlog=%d keep-alive=%d", id, c.s.Inflight(), messages, c.s.KeepAlive())
	l.flag("attached", c.s.Attached())
	l.flag("full", c.s.Full())
	n := c.counts
	for _, count := range []struct {
		name string
		n    uint64
	}{
		{"received", n.PublishReceived}, {"sent", n.PublishSent}, {"redelivered", n.Redelivered},
		{"congested", n.DroppedCongested}, {"offline", n.DroppedOffline}, {"queue-full", n.DroppedQueueFull},
		{"expired", n.DroppedExpired}, {"aged", n.DroppedAged}, {"too-large", n.DroppedTooLarge},
		{"invalid", n.DroppedInvalid}, {"broken", n.DroppedBroken},
	} {
		l.number(count.name, uint32(count.n))
	}
	b.printf("%s", l.b.String())
}

// raw is a frame written as hexadecimal digits, for what no encoder makes.
func raw(digits string) ([]byte, error) { return hex.DecodeString(strings.ReplaceAll(digits, " ", "")) }
