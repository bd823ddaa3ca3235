package acl

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

const usual = `
rules:
  - {permission: deny, topics: [admin/#, "+/secret"]}
  - {permission: allow, users: operator, topics: ["#", "$SYS/#"]}
  - {permission: allow, actions: subscribe, topics: ["commands/${clientid}/#", announcements]}
  - {permission: allow, actions: publish, topics: ["state/${clientid}", "alarms/${username}/+/${clientid}"]}
  - {permission: allow, actions: publish, topics: ["sensors/${clientid}/#"]}
`

func TestPublishAllocatesNothing(t *testing.T) {
	c := may(rules(t, usual), "sensor-4711", "plant-7")
	for name, want := range map[string]bool{
		"sensors/sensor-4711/temperature": true, "alarms/plant-7/smoke/sensor-4711": true, "state/sensor-4711": true, "sensors/other/temperature": false,
	} {
		topic := []byte(name)
		require.Zero(t, testing.AllocsPerRun(100, func() { require.Equal(t, want, c.MayPublish(topic, packet.QoS1, false)) }), name)
	}
	require.Zero(t, testing.AllocsPerRun(100, func() { c.MaySubscribe("commands/sensor-4711/+", packet.QoS1) }))
}

func BenchmarkMayPublish(b *testing.B) {
	c := may(rules(b, usual), "sensor-4711", "plant-7")
	name := []byte("sensors/sensor-4711/temperature")
	b.ReportAllocs()
	for b.Loop() {
		if !c.MayPublish(name, packet.QoS1, false) {
			b.Fatal("not allowed")
		}
	}
}

// A thousand users with rules of their own: each looks at its own alone.
func BenchmarkMayPublishAmongManyUsers(b *testing.B) {
	var text strings.Builder
	text.WriteString("rules:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "- {permission: allow, users: user-%d, topics: 'sensors/user-%d/#'}\n", i, i)
	}
	c := may(rules(b, text.String()), "c", "user-700")
	name := []byte("sensors/user-700/temperature")
	for b.Loop() {
		if !c.MayPublish(name, packet.QoS1, false) {
			b.Fatal("not allowed")
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	r := rules(b, usual)
	b.ReportAllocs()
	for b.Loop() {
		r.compile("sensor-4711", "plant-7")
	}
}
