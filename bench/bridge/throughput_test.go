package bridge

import (
	"bufio"
	bits "encoding/binary"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// throughput is for how long TestThroughput measures each broker, QoS and round; 0: it does not.
var throughput = flag.Duration("throughput", 0, "measure what goes over a bridge, for so long each time")

// inflightMost is how many messages TestThroughput has under way between publisher and witness, so that nothing has to be dropped and the rate is what
// the bridge keeps up with.
const inflightMost = 1000

// TestThroughput measures what goes over a bridge of this broker and of Mosquitto, in turn: messages a second from a publisher at the bridging broker to
// a subscriber at the upstream, and what the bridging broker's process needs for a million. It runs with -throughput; the upstream is the same for both.
func TestThroughput(t *testing.T) {
	if *throughput == 0 {
		t.Skip("run with -throughput 3s")
	}
	brokers := []struct {
		name  string
		start func(t *testing.T, up *broker) *broker
	}{
		{"troupe, memory", func(t *testing.T, up *broker) *broker { return troupe(t, "durability: memory\n"+wide(up)) }},
		{"troupe, process", func(t *testing.T, up *broker) *broker { return troupe(t, "durability: process\n"+wide(up)) }},
		{"troupe, disk", func(t *testing.T, up *broker) *broker { return troupe(t, "durability: disk\n"+wide(up)) }},
		{"troupe, memory, 3.1.1", func(t *testing.T, up *broker) *broker {
			return troupe(t, "durability: memory\n"+wide(up, "protocol: 4"))
		}},
		{"mosquitto, 3.1.1", func(t *testing.T, up *broker) *broker {
			return mosquitto(t, append(bridging(up.address, "mqttv311", "topic out/# out 2"), "max_inflight_messages 1000")...)
		}},
	}
	const rounds = 3
	for qos := range byte(3) {
		rates, costs := make([][]float64, len(brokers)), make([][]float64, len(brokers))
		for range rounds {
			for i, b := range brokers {
				t.Run(fmt.Sprintf("%s/QoS %d", b.name, qos), func(t *testing.T) {
					up := troupe(t, "durability: memory\nlimits: {max_inflight: 1000, receive_maximum: 1000}\n")
					local := b.start(t, up)
					flows(t, local, up, "out")
					rate, cost := flood(t, local, up, qos)
					rates[i], costs[i] = append(rates[i], rate), append(costs[i], cost)
				})
			}
		}
		for i, b := range brokers {
			if len(rates[i]) == rounds {
				slices.Sort(rates[i])
				slices.Sort(costs[i])
				t.Logf("QoS %d  %-22s %8.0f messages/s  %6.2f s CPU a million", qos, b.name, rates[i][rounds/2], costs[i][rounds/2])
			}
		}
	}
}

// wide is a bridge with a large window.
func wide(up *broker, lines ...string) string {
	return "limits: {max_inflight: 1000, receive_maximum: 1000}\n" + bridges("up", []string{up.uri()}, append(lines, "max_inflight: 1000", "forward: [{local: out/#}]")...)
}

// flood publishes as fast as what comes at the other end allows. Nothing may be lost, or come twice with QoS 2.
func flood(t *testing.T, from, to *broker, qos byte) (rate, cost float64) {
	sub, pub := raw(t, to, "witness"), raw(t, from, "publisher")
	sub.write(append([]byte{0x82, 10, 0, 1, 0, 5}, append([]byte("out/t"), qos)...))
	require.Equal(t, byte(0x90), sub.next()[0])

	var arrived, acknowledged atomic.Int64
	news := make(chan struct{}, 1)
	poke := func() {
		select {
		case news <- struct{}{}:
		default:
		}
	}
	var last, repeated, lost int64 // of the subscriber's goroutine alone, until it ends
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			f, err := sub.frame()
			if err != nil {
				return
			}
			switch f[0] >> 4 {
			case 3:
				_, n := bits.Uvarint(f[1:])
				at := 1 + n + 2 + len("out/t")
				if qos > 0 {
					sub.answer([]byte{0x30 + qos<<4, 2, f[at], f[at+1]}) // PUBACK or PUBREC
					at += 2
				}
				number := int64(bits.BigEndian.Uint64(f[at:]))
				switch {
				case number <= last:
					repeated++
				default:
					lost += number - last - 1
					last = number
				}
				arrived.Store(last)
				poke()
			case 6:
				sub.answer([]byte{0x70, 2, f[2], f[3]})
			}
		}
	}()
	go func() {
		for {
			f, err := pub.frame()
			if err != nil {
				return
			}
			switch f[0] >> 4 {
			case 4, 7:
				acknowledged.Add(1)
				poke()
			case 5:
				pub.answer([]byte{0x62, 2, f[2], f[3]})
			}
		}
	}()

	payload := make([]byte, 128)
	sent := int64(0)
	publish := func(until time.Time) {
		for time.Now().Before(until) {
			var out []byte
			for sent-arrived.Load() < inflightMost && (qos == 0 || sent-acknowledged.Load() < inflightMost) && len(out) < 16<<10 {
				sent++
				bits.BigEndian.PutUint64(payload, uint64(sent))
				size := 2 + len("out/t") + len(payload)
				if qos > 0 {
					size += 2
				}
				out = append(bits.AppendUvarint(append(out, 0x30|qos<<1), uint64(size)), 0, 5)
				out = append(out, "out/t"...)
				if qos > 0 {
					id := uint16(sent%60_000) + 1
					out = append(out, byte(id>>8), byte(id))
				}
				out = append(out, payload...)
			}
			if len(out) == 0 {
				select {
				case <-news:
				case <-time.After(patience):
					require.Fail(t, "nothing comes any more", "%d of %d did", arrived.Load(), sent)
				}
				continue
			}
			pub.answer(out)
		}
	}
	publish(time.Now().Add(*throughput / 4)) // to warm up
	begin, cpu, before := time.Now(), processorTime(t, from), arrived.Load()
	publish(begin.Add(*throughput))
	n := float64(arrived.Load() - before)
	rate = n / time.Since(begin).Seconds()
	cost = (processorTime(t, from) - cpu).Seconds() / n * 1e6
	require.Eventually(t, func() bool { return arrived.Load() == sent }, patience, time.Millisecond, "%s: not all came", from.kind)
	_ = sub.conn.Close()
	_ = pub.conn.Close()
	<-ended
	require.Zero(t, lost, "%s lost messages", from.kind)
	require.Zero(t, repeated, "%s repeated messages", from.kind)
	return rate, cost
}

// wire is a connection that speaks just enough of MQTT 3.1.1 to cost little itself.
type wire struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func raw(t *testing.T, b *broker, id string) *wire {
	conn, err := net.Dial("tcp", b.address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	w := &wire{t, conn, bufio.NewReaderSize(conn, 64<<10)}
	w.write(append([]byte{0x10, byte(12 + len(id)), 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, byte(len(id))}, id...))
	require.Equal(t, byte(0x20), w.next()[0])
	return w
}

func (w *wire) write(b []byte) {
	_, err := w.conn.Write(b)
	require.NoError(w.t, err)
}

// answer is write for who finds out by reading that the connection is gone.
func (w *wire) answer(b []byte) { _, _ = w.conn.Write(b) }

func (w *wire) next() []byte {
	f, err := w.frame()
	require.NoError(w.t, err)
	return f
}

func (w *wire) frame() ([]byte, error) {
	first, err := w.in.ReadByte()
	if err != nil {
		return nil, err
	}
	size, err := bits.ReadUvarint(w.in)
	if err != nil {
		return nil, err
	}
	f := bits.AppendUvarint([]byte{first}, size)
	f = append(f, make([]byte, size)...)
	_, err = io.ReadFull(w.in, f[len(f)-int(size):])
	return f, err
}

// processorTime is what a process has used, to a hundredth of a second. It needs Linux.
func processorTime(t *testing.T, b *broker) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", b.cmd.Process.Pid))
	if err != nil {
		t.Skip("this system does not tell what a process has used")
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	ticks := 0
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		require.NoError(t, err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
