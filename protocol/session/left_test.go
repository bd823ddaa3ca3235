package session_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// TestWhatOthersLeave has a Session whose Client is away take three messages,
// where the others leave room for two.
func TestWhatOthersLeave(t *testing.T) {
	message := func(payload string) *packet.Run {
		return packet.NewRun(&packet.Publish{QoS: packet.QoS1, Topic: []byte("a"), Payload: []byte(payload)}, packet.V5)
	}
	size := int64(len(message("1").Frames))
	for name, c := range map[string]struct {
		overflow session.Overflow
		left     session.Left
		waiting  int
	}{
		"oldest":          {session.DropOldest, session.Left{Messages: 2, Bytes: 1 << 20}, 2},
		"newest":          {session.DropNewest, session.Left{Messages: 2, Bytes: 1 << 20}, 2},
		"oldest by bytes": {session.DropOldest, session.Left{Messages: 100, Bytes: 2*size + 1}, 2},
		"nothing left":    {session.DropOldest, session.Left{}, 0},
		"enough left":     {session.DropOldest, session.Left{Messages: 3, Bytes: 3 * size}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			limits := session.Limits{MaxQoS: packet.QoS2, ExpiryMaximum: session.NoExpiry, Queue: session.QueueLimits{Messages: 1000, Overflow: c.overflow}}
			for _, durable := range []bool{false, true} {
				s := session.New("c", &limits)
				if durable {
					s.Persist(false)
				}
				var out session.Output
				s.Attach(&packet.Connect{Version: packet.V5, SessionExpiry: 60}, session.Attachment{}, 1000, &out)
				s.Detach(1000, &out)
				out = session.Output{Left: &c.left}
				for _, payload := range []string{"1", "2", "3"} {
					s.Deliver(message(payload), &session.Terms{QoS: packet.QoS1}, 1000, &out)
				}
				waiting, _ := s.Backlog()
				require.Equal(t, c.waiting, waiting, "durable: %v", durable)
				require.EqualValues(t, 3-c.waiting, out.Counts.DroppedQueueFull)
			}
		})
	}
}
