package troupe

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/protocol/packet"
)

// Who subscribes and publishes in one breath, without waiting for SUBACK, gets
// the message: by every Topic Filter that came before it, in whichever shard,
// and by none that was taken back before it.
func TestPublishComesBehindTheSubscribeBeforeIt(t *testing.T) {
	for _, loops := range []int{1, 4} {
		b := startWith(t, func(c *configs.Config) { c.Limits.EventLoops = loops })
		for i := range 50 {
			c := connect(t, b, fmt.Sprintf("breathless-%d-%d", loops, i))
			name := fmt.Sprintf("order/%d/%d", loops, i)
			subscribe := func(id uint16, filter string) []byte {
				return (&packet.Subscribe{
					PacketID: id, SubscriptionID: uint32(id),
					Filters: []packet.TopicFilter{{Filter: []byte(filter), SubscriptionOptions: packet.SubscriptionOptions{QoS: packet.QoS1}}},
				}).Append(nil, packet.V5)
			}
			publish := func(id uint16, payload string) []byte {
				return (&packet.Publish{QoS: packet.QoS1, PacketID: id, Topic: []byte(name), Payload: []byte(payload)}).Append(nil, packet.V5)
			}
			var b []byte
			b = append(b, publish(1, "before")...)
			b = append(b, subscribe(2, name)...)
			b = append(b, subscribe(3, "order/+/#")...)
			b = append(b, publish(4, "behind")...)
			b = append(b, (&packet.Unsubscribe{PacketID: 5, Filters: [][]byte{[]byte(name)}}).Append(nil, packet.V5)...)
			b = append(b, publish(6, "last")...)
			c.write(b)

			var got []*packet.Publish
			for len(got) < 2 {
				frame, err := c.frame()
				require.NoError(t, err)
				if packet.Type(frame[0]>>4) == packet.TypePublish {
					got = append(got, c.decode(frame))
				}
			}
			require.Equal(t, "behind", string(got[0].Payload), "what came before the SUBSCRIBE is not for it")
			require.ElementsMatch(t, []uint32{2, 3}, got[0].SubscriptionIDs)
			require.Equal(t, "last", string(got[1].Payload))
			require.Equal(t, []uint32{3}, got[1].SubscriptionIDs)
		}
	}
}
