package main

import (
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

const attackers = 1000

// A thousand connections that each promise a packet of 256 MiB, and send a
// little of it, cost about what they sent and not what they promised.
func TestPromisesTakeNoMemory(t *testing.T) {
	const bound = 24 << 20 // against 250 GiB promised
	for _, c := range []struct {
		name  string
		begin func(p *peer, i int)
	}{
		{"before CONNECT", func(p *peer, _ int) {
			p.send([]byte("\x10\xFF\xFF\xFF\x7F" + v5 + strings.Repeat("x", 100)))
		}},
		{"in a PUBLISH", func(p *peer, i int) {
			p.connect(&packet.Connect{CleanStart: true, ClientID: fmt.Append(nil, "attacker", i)})
			p.send([]byte("\x30\xFF\xFF\xFF\x7F" + str("a") + strings.Repeat("x", 100)))
		}},
		{"in a User Property", func(p *peer, i int) {
			p.connect(&packet.Connect{CleanStart: true, ClientID: fmt.Append(nil, "attacker", i)})
			p.send([]byte("\x82\xFF\xFF\xFF\x7F\x00\x01\xF0\xFF\xFF\x7F\x26\xFF\xFF" + strings.Repeat("x", 100)))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			broker := serveProcess(t, "limits: {max_packet_size: 268435460B, connect_timeout: 1h}\nlog: {level: warn}")
			other := newBystander(t, broker.address)
			before := broker.resident(t)
			all := make([]*peer, attackers)
			for i := range all {
				all[i] = knock(t, broker.address, packet.V5)
				c.begin(all[i], i)
			}
			broker.awaitRead(t)
			for _, p := range all { // and a little more
				p.send([]byte("x"))
			}
			broker.awaitRead(t)
			other.unharmed()
			if grown := broker.resident(t) - before; grown > bound {
				t.Fatalf("%d attackers made the broker grow by %d KiB", attackers, grown>>10)
			}
		})
	}
}

// resident is the memory that the process holds, in bytes.
func (p *process) resident(t testing.TB) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	require.NoError(t, err)
	found := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	require.NotNil(t, found)
	kib, err := strconv.Atoi(string(found[1]))
	require.NoError(t, err)
	return kib << 10
}

// awaitRead waits until the broker has taken all that lies in its sockets.
func (p *process) awaitRead(t testing.TB) {
	t.Helper()
	address, err := net.ResolveTCPAddr("tcp", p.address)
	require.NoError(t, err)
	ip := address.IP.To4()
	local := fmt.Sprintf("%s:%04X", strings.ToUpper(hex.EncodeToString([]byte{ip[3], ip[2], ip[1], ip[0]})), address.Port)
	require.Eventually(t, func() bool {
		table, err := os.ReadFile("/proc/net/tcp")
		require.NoError(t, err)
		connections := 0
		for line := range strings.Lines(string(table)) {
			fields := strings.Fields(line)
			if len(fields) < 5 || fields[1] != local || fields[3] != "01" {
				continue
			}
			connections++
			if !strings.HasSuffix(fields[4], ":00000000") {
				return false
			}
		}
		return connections > attackers // and the bystander
	}, patience, 10*time.Millisecond)
}
