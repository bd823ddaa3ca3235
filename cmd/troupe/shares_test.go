package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/control"
)

// shared is the binary at work with an instance that has bounds, held, and one
// beside it that has none, free.
type shared struct {
	*severalInstances
	t          *testing.T
	held, free string // host:port
}

// serveShared starts it; bounds are keys of the instance that has some.
func serveShared(t *testing.T, dir, bounds string) *shared {
	t.Helper()
	s := &shared{t: t, severalInstances: serveSeveral(t, dir, map[string]string{"all.yaml": sharedFile(bounds)}, "-c", "all.yaml")}
	s.held, s.free = s.address("held"), s.address("free")
	return s
}

func sharedFile(bounds string) string {
	return `data_dir: data
durability: process
persistence: {memtable: 1MiB}
sys: {interval: 100ms}
log: {level: info}
instances:
- {name: held, listeners: [{name: tcp, address: "127.0.0.1:0"}], ` + bounds + `}
- {name: free, listeners: [{name: tcp, address: "127.0.0.1:0"}]}
`
}

// shares is what troupe ctl instance list says of one.
func (s *shared) shares(instance string) map[string]control.InstanceShare {
	s.t.Helper()
	r := work(s.t, s.dir, nil, "ctl", "instance", "list", "--json", "-c", "all.yaml")
	require.Equal(s.t, exitDone, r.code, r.stderr)
	var list []control.Instance
	require.NoError(s.t, json.Unmarshal([]byte(r.stdout), &list))
	all := make(map[string]control.InstanceShare)
	for _, i := range list {
		for _, share := range i.Shares {
			if i.Name == instance {
				all[share.Name] = share
			}
		}
	}
	return all
}

// used waits until so much of a share is used.
func (s *shared) used(share string, want func(float64) bool) {
	s.t.Helper()
	var last control.InstanceShare
	require.Eventually(s.t, func() bool {
		last = s.shares("held")[share]
		return want(last.Used)
	}, patience, 20*time.Millisecond, "%s: %+v", share, &last)
}

func amount(n float64) func(float64) bool { return func(used float64) bool { return used == n } }

// figures reads $SYS of an instance.
type figures struct {
	*three
	latest map[string]string
}

func watchSYS(t testing.TB, address string) *figures {
	t.Helper()
	f := &figures{paho3(t, address, 4, "figures", nil), make(map[string]string)}
	f.await(f.Subscribe("$SYS/broker/#", 0, nil))
	return f
}

// await waits until a figure is as wanted.
func (f *figures) until(topic string, want func(int64) bool) {
	f.t.Helper()
	topic = "$SYS/broker/" + topic
	for deadline := time.Now().Add(patience); ; { // the uptime goes on
		if n, err := strconv.ParseInt(f.latest[topic], 10, 64); err == nil && want(n) {
			return
		}
		require.True(f.t, time.Now().Before(deadline), "%s is %q", topic, f.latest[topic])
		m := f.next()
		f.latest[m.Topic()] = string(m.Payload())
	}
}

func (f *figures) is(topic string, want int64) {
	f.t.Helper()
	f.until(topic, func(n int64) bool { return n == want })
}

func positive(n int64) bool { return n > 0 }

// away makes a Session that waits for its Client.
func away(t testing.TB, address, id, filter string) {
	t.Helper()
	c := paho3(t, address, 4, id, kept)
	c.subscribe(filter, 1)
	c.Disconnect(100)
}

// A connection above the bound is closed before it says anything, and whoever
// comes when another one has gone is let in.
func TestShareOfConnections(t *testing.T) {
	s := serveShared(t, place(t), "limits: {max_connections: 3}")
	watch := watchSYS(t, s.held)
	watch.is("limits/connections", 3)
	clients := []*three{paho3(t, s.held, 4, "a", nil), paho3(t, s.held, 4, "b", nil)}
	connect := func(id string) error {
		o := mqtt.NewClientOptions().AddBroker("tcp://" + s.held).SetProtocolVersion(4).SetClientID(id).SetAutoReconnect(false)
		c := mqtt.NewClient(o)
		defer c.Disconnect(0)
		token := c.Connect()
		require.True(t, token.WaitTimeout(patience))
		return token.Error()
	}
	for i := range 5 {
		require.Error(t, connect(fmt.Sprint("more", i)))
	}
	watch.is("connections/refused", 5)
	require.Equal(t, control.InstanceShare{Name: "limits.max_connections", Unit: "connections", Used: 3, Limit: 3}, s.shares("held")["limits.max_connections"])
	s.says(`"instance":"held"`, "connections at limits.max_connections")
	for i := range 10 {
		paho3(t, s.free, 4, fmt.Sprint(i), nil).publish("x", 1, false, "x")
	}
	clients[0].publish("x", 1, false, "who is in is not disturbed")
	clients[0].Disconnect(100)
	s.used("limits.max_connections", amount(2))
	clients[0] = paho3(t, s.held, 4, "c", nil)
	clients[0].publish("x", 1, false, "x")
}

// Who sends more than the rate waits and loses nothing, whatever the QoS; the neighbour
// does not wait, and lifting the rate lets in what is left.
func TestShareOfRate(t *testing.T) {
	const all = 400
	for _, c := range []struct {
		key, figure   string
		rate, payload int
	}{{"messages_per_second", "limits/rate/messages", 5, 10}, {"bytes_per_second", "limits/rate/bytes", 1000, 1000}} {
		t.Run(c.key, func(t *testing.T) {
			dir := place(t)
			s := serveShared(t, dir, "limits: {rate: {"+c.key+": "+fmt.Sprint(c.rate)+"}}")
			watch := watchSYS(t, s.held)
			watch.is(c.figure, int64(c.rate))
			sinks := make(map[string]*three)
			for _, address := range []string{s.held, s.free} {
				sinks[address] = paho3(t, address, 4, "sink", nil)
				sinks[address].subscribe("flood", 1)
				from := paho3(t, address, 4, "from", nil)
				go func() { // it is not read from, and waits in a write
					for i := range all {
						from.Publish("flood", byte(i%2), false, payload(i, c.payload))
					}
				}()
			}
			arrive := func(address string) {
				t.Helper()
				next := [2]int{0, 1} // by QoS: one may overtake the other
				for range all {
					m := sinks[address].next()
					require.Equal(t, payload(next[m.Qos()], c.payload), string(m.Payload()))
					next[m.Qos()] += 2
				}
				sinks[address].nothingMore()
			}
			arrive(s.free)
			watch.until("slowed/waiting", positive)
			watch.until("slowed/count", positive)
			share := s.shares("held")["limits.rate."+c.key]
			require.EqualValues(t, c.rate, share.Limit)
			require.NotZero(t, *share.Reached)
			require.Zero(t, *s.shares("free")["limits.rate."+c.key].Reached)
			require.Less(t, len(sinks[s.held].received), all)
			require.Empty(t, sinks[s.held].lost)
			s.says(`"instance":"held"`, "limits.rate is used up")

			require.NoError(t, os.WriteFile(filepath.Join(dir, "all.yaml"), []byte(sharedFile("limits: {rate: {}}")), 0o600))
			r := work(t, dir, nil, "ctl", "instance", "reload", "held", "-c", "all.yaml")
			require.Equal(t, result{exitDone, "", ""}, r)
			watch.is(c.figure, 0)
			arrive(s.held)
		})
	}
}

// payload is one of a size that tells its number.
func payload(i, size int) string {
	text := fmt.Sprintf("%d:", i)
	return text + strings.Repeat("x", max(0, size-len(text)))
}

// What waits for all Clients together has a bound, however many they are; the
// policy decides what gives way in the queue of whom a message is for.
func TestShareOfQueues(t *testing.T) {
	const clients, size = 4, 1000
	for _, c := range []struct {
		bound, share, figure string
		most                 float64
	}{
		{"max_messages: 100", "session.total.max_messages", "limits/queued/messages", 100},
		{"max_bytes: 100KiB", "session.total.max_bytes", "limits/queued/bytes", 100 << 10},
	} {
		t.Run(c.share, func(t *testing.T) {
			s := serveShared(t, place(t), "session: {total: {"+c.bound+"}}")
			watch := watchSYS(t, s.held)
			watch.is(c.figure, int64(c.most))
			for _, address := range []string{s.held, s.free} {
				from := paho3(t, address, 4, "from", nil)
				for n := range clients {
					away(t, address, fmt.Sprint("away", n), fmt.Sprint("queue/", n))
				}
				for i := range 75 {
					for n := range clients {
						from.publish(fmt.Sprint("queue/", n), 1, false, payload(i, size))
					}
				}
			}
			share := s.shares("held")[c.share]
			require.Equal(t, c.most, share.Limit)
			require.LessOrEqual(t, share.Used, c.most)
			require.Greater(t, share.Used, c.most*3/4)
			require.Zero(t, s.shares("free")[c.share].Limit)
			watch.until("dropped/queue_full", positive)
			came := 0
			for n := range clients {
				back := paho3(t, s.held, 4, fmt.Sprint("away", n), kept)
				back.subscribe("end", 1)
				paho3(t, s.held, 4, "ends", nil).publish("end", 1, false, "end")
				last := -1
				for m := back.next(); string(m.Payload()) != "end"; m = back.next() {
					text, _, _ := strings.Cut(string(m.Payload()), ":")
					i, err := strconv.Atoi(text)
					require.NoError(t, err)
					require.Greater(t, i, last, "in order, and once")
					last = i
					came++
				}
				require.True(t, last == -1 || last == 74, "the oldest gave way, and not %d", last)

				other := paho3(t, s.free, 4, fmt.Sprint("away", n), kept)
				for i := range 75 {
					other.expect(payload(i, size))
				}
				other.nothingMore()
			}
			require.Greater(t, came, 75)
			require.LessOrEqual(t, came, 100)
			s.used("session.total.max_messages", amount(0))
			s.used("session.total.max_bytes", amount(0))
		})
	}
}

// Retained Messages above a bound reach who is there and are not kept; those that
// have no place in memory are read from the disk.
func TestShareOfRetainedMessages(t *testing.T) {
	s := serveShared(t, place(t), "retained: {max_messages: 150, max_bytes: 100KiB, memory: 10KiB}")
	watch := watchSYS(t, s.held)
	watch.is("limits/retained/messages", 150)
	watch.is("limits/retained/bytes", 100<<10)
	watch.is("limits/retained/memory", 10<<10)
	online := paho3(t, s.held, 4, "online", nil)
	online.subscribe("kept/#", 1)
	publish := func(topic string, i, size int) {
		for _, address := range []string{s.held, s.free} {
			paho3(t, address, 4, "from", nil).publish(fmt.Sprint("kept/", topic, i), 1, true, payload(i, size))
		}
		online.expect(payload(i, size))
	}
	arrive := func(address, filter string, n int) {
		late := paho3(t, address, 4, "late", nil)
		late.subscribe(filter, 1)
		topics := make(map[string]bool)
		for range n {
			m := late.next()
			require.True(t, m.Retained())
			topics[m.Topic()] = true
		}
		require.Len(t, topics, n)
		late.nothingMore()
		late.Disconnect(100)
	}
	const some, large = 160, 2000
	for i := range some {
		publish("small/", i, 10)
	}
	require.Equal(t, 150.0, s.shares("held")["retained.max_messages"].Used)
	watch.is("dropped/retained", 10)
	arrive(s.held, "kept/#", 150)
	arrive(s.free, "kept/#", some)
	for i := range 150 {
		paho3(t, s.held, 4, "from", nil).publish(fmt.Sprint("kept/small/", i), 1, true, "")
		online.expect("")
	}
	for i := range 100 {
		publish("large/", i, large)
	}
	shares := s.shares("held")
	kept := int(shares["retained.max_messages"].Used)
	require.Greater(t, kept, 40)
	require.LessOrEqual(t, kept*large, 100<<10)
	arrive(s.held, "kept/large/#", kept)
	arrive(s.free, "kept/large/#", 100)
	require.LessOrEqual(t, shares["retained.max_bytes"].Used, shares["retained.max_bytes"].Limit)
	s.used("retained.memory", func(used float64) bool { return used <= 10<<10 })
	watch.is("dropped/retained", int64(10+100-kept))
	s.says(`"instance":"held"`, "retained messages at their bound, new ones are not kept")
}
