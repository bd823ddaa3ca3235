package troupe

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/protocol/packet"
)

// A Client that goes on sending while it is thrown out still learns why: a
// socket that is closed over unread bytes would be reset, and what the Client
// has not read would be lost.
func TestTheLastWordIsHeardByAClientThatStillTalks(t *testing.T) {
	b := startWith(t, func(c *configs.Config) { c.Limits.ReceiveMaximum = 10 })
	for i := range 20 {
		c := connect(t, b, "talker")
		var frames []byte
		for id := range 3000 {
			frames = (&packet.Publish{
				QoS: packet.QoS2, PacketID: uint16(id + 1), Topic: []byte("a"), Payload: make([]byte, 100),
			}).Append(frames, packet.V5)
		}
		for range 3 {
			c.write(frames[:len(frames)/3])
			frames = frames[len(frames)/3:]
		}
		told := false
		for !told {
			frame, err := c.frame()
			require.NoError(t, err, "client %d", i)
			if packet.Type(frame[0]>>4) == packet.TypeDisconnect {
				var p packet.Disconnect
				require.NoError(t, p.Decode(frame, packet.V5))
				require.Equal(t, packet.ReceiveMaximumExceeded, p.Code)
				told = true
			}
		}
		require.NoError(t, c.conn.Close())
	}
}
