package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"
)

// occupied is what all files below a directory have of the device.
func occupied(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) { // a merge has just removed it
			return nil
		}
		require.NoError(t, err)
		info, err := d.Info()
		if err == nil && info.Mode().IsRegular() {
			bytes += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return nil
	}))
	return bytes
}

// hoard publishes until the bound of the data directory holds it up.
type hoard struct {
	*three
	store *mqtt.MemoryStore // what is not acknowledged goes over to the next connection
	sent  int
	last  mqtt.Token // of the message sent last
}

const hoardSize = 100 << 10

func newHoard(t *testing.T, address string, before *hoard) *hoard {
	h := &hoard{store: mqtt.NewMemoryStore()}
	if before != nil {
		h.store, h.sent = before.store, before.sent
	}
	h.three = paho3(t, address, 4, "from", func(o *mqtt.ClientOptions) { o.SetCleanSession(false).SetStore(h.store) })
	return h
}

// publish sends the next message, without waiting for anything.
func (h *hoard) publish() {
	h.last = h.Publish("queue", 1, false, payload(h.sent, hoardSize))
	h.sent++
}

// until publishes one message after the other, and ten more when the acknowledgements are held
// back: those are not acknowledged.
func (h *hoard) until(tight func() bool) {
	h.t.Helper()
	for {
		h.publish()
		for !h.last.WaitTimeout(50 * time.Millisecond) {
			if tight() {
				for range 10 {
					h.publish()
				}
				return
			}
		}
		require.NoError(h.t, h.last.Error())
		require.Less(h.t, h.sent, 2000)
	}
}

// acknowledged waits until nothing is left that was not.
func (h *hoard) acknowledged() {
	h.t.Helper()
	require.Eventually(h.t, func() bool { return len(h.store.All()) == 0 }, patience, time.Millisecond)
}

// A publisher into the queue of a Client that is away gets no acknowledgement any more
// when the data directory comes near to its bound, and all of them when the Client
// has taken what waits: over a kill -9 too, which the broker comes back from
// with the directory as full as it was. The instance beside it is not concerned.
func TestShareOfDisk(t *testing.T) {
	for name, killed := range map[string]bool{"drained": false, "killed at the bound": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits for the next look at the store
			shareOfDisk(t, killed)
		})
	}
}

func shareOfDisk(t *testing.T, killed bool) {
	const bounds, bound = "persistence: {max_disk: 64MiB}", 64 << 20
	const tightLine, looseLine = "the data directory has come near to what it may take", "there is room in the data directory again"
	dir := place(t)
	data := filepath.Join(dir, "data", "held")
	s := serveShared(t, dir, bounds)
	watch := watchSYS(t, s.held)
	watch.is("limits/disk", bound)
	watch.until("storage/bytes", positive)
	away(t, s.held, "sink", "queue")
	away(t, s.free, "sink", "queue")

	h := newHoard(t, s.held, nil)
	h.until(func() bool { return strings.Contains(s.log.String(), tightLine) })
	within := func() {
		t.Helper() // while files are merged there may be more
		require.Eventually(t, func() bool { return occupied(t, data) <= bound }, patience, 10*time.Millisecond)
	}
	within()
	require.Greater(t, occupied(t, data), int64(bound/2), "most of it can be used")
	watch.is("storage/tight", 1)
	neighbour := paho3(t, s.free, 4, "from", nil)
	for i := range 20 { // more than is left to the other
		neighbour.publish("queue", 1, false, payload(i, 1<<19))
	}
	share := s.shares("held")["persistence.max_disk"]
	require.Equal(t, float64(bound), share.Limit)
	require.LessOrEqual(t, share.Used, share.Limit)
	require.Greater(t, share.Used, share.Limit*13/16)
	require.Equal(t, 1, strings.Count(s.log.String(), tightLine), "it is said once")
	acknowledged := h.sent - len(h.store.All())
	require.LessOrEqual(t, acknowledged, h.sent-10)

	if killed {
		require.NoError(t, s.command.Process.Kill())
		s.exit(t)
		s = serveShared(t, dir, bounds)
		watch = watchSYS(t, s.held)
		h = newHoard(t, s.held, h)
		h.until(func() bool { return strings.Contains(s.log.String(), tightLine) }) // a start may have made a little room
		watch.is("storage/tight", 1)
	}
	sink := paho3(t, s.held, 4, "sink", kept)
	require.True(t, sink.present)
	take := func() (i int) {
		t.Helper()
		text, _, _ := strings.Cut(string(sink.next().Payload()), ":")
		_, err := fmt.Sscan(text, &i)
		require.NoError(t, err)
		return i
	}
	for i := range acknowledged {
		require.Equal(t, i, take())
	}
	came := make(map[int]bool) // what Paho sends again it sends in any order, and what was there already may come twice
	for len(came) < h.sent-acknowledged {
		i := take()
		require.GreaterOrEqual(t, i, acknowledged)
		if !killed {
			require.Equal(t, acknowledged+len(came), i)
		}
		came[i] = true
	}
	h.acknowledged()
	s.says(`"instance":"held"`, looseLine)
	watch.is("storage/tight", 0)
	s.used("session.total.max_messages", amount(0))
	within()
	h.publish()
	h.acknowledged()
	for next := h.sent - 1; take() != next; {
		require.True(t, killed)
	}
	sink.nothingMore()

	other := paho3(t, s.free, 4, "sink", kept)
	for i := range 20 {
		other.expect(payload(i, 1<<19))
	}
	other.nothingMore()
}
