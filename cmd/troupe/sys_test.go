package main

import (
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

// Dashboards made for Mosquitto find what they look for, and it is true.
func TestSYSTopics(t *testing.T) {
	broker := serveProcess(t, "sys: {interval: 100ms}")
	for _, id := range []string{"away1", "away2"} {
		p := knock(t, broker.address, packet.V5)
		p.connect(&packet.Connect{ClientID: []byte(id), HasSessionExpiry: true, SessionExpiry: 600})
		p.sendPackets(&packet.Disconnect{})
		p.expectClosed()
	}
	watch := enter(t, broker.address, packet.V311, "watch")
	watch.subscribe("$SYS/#", packet.SubscriptionOptions{})
	traffic := enter(t, broker.address, packet.V5, "traffic")
	traffic.subscribe("t/#", packet.SubscriptionOptions{})
	traffic.subscribe("$share/g/t", packet.SubscriptionOptions{})
	for range 5 {
		traffic.sendPackets(&packet.Publish{Topic: []byte("t/1"), Retain: true, Payload: []byte("x")})
		traffic.expectPublish()
	}

	want := map[string]*regexp.Regexp{}
	for topic, pattern := range map[string]string{
		"version": `troupe version .+`, "uptime": `\d+ seconds`,
		"clients/connected": "2", "clients/disconnected": "2", "clients/total": "4", "clients/maximum": `[234]`,
		"clients/active": "2", "clients/inactive": "2", "clients/expired": "0",
		"messages/received": `\d\d+`, "messages/sent": `\d\d+`, "messages/stored": `\d+`,
		"bytes/received": `\d{3,}`, "bytes/sent": `\d{3,}`,
		"publish/messages/received": "5", "publish/messages/sent": `\d\d+`, "publish/messages/dropped": "0",
		"publish/bytes/received": `[1-9]\d*`, "publish/bytes/sent": `\d+`,
		"subscriptions/count": "3", "shared_subscriptions/count": "1", "retained messages/count": `\d+`,
		"store/messages/count": `\d+`, "store/messages/bytes": `\d+`,
		"load/messages/received/1min": `\d+\.\d\d`, "load/messages/sent/5min": `\d+\.\d\d`, "load/connections/15min": `\d+\.\d\d`,
		"load/publish/received/1min": `\d+\.\d\d`, "load/bytes/sent/1min": `\d+\.\d\d`,
	} {
		want["$SYS/broker/"+topic] = regexp.MustCompile("^" + pattern + "$")
	}
	// Each comes as soon as it is true; those that are already are retained.
	for len(want) > 0 {
		frame, err := watch.next()
		require.NoError(t, err, "still waiting for %v", want)
		var p packet.Publish
		require.NoError(t, p.Decode(frame, watch.version))
		if pattern := want[string(p.Topic)]; pattern != nil && pattern.Match(p.Payload) {
			delete(want, string(p.Topic))
		}
	}

	// They are retained for who comes later.
	late := enter(t, broker.address, packet.V5, "late")
	late.subscribe("$SYS/broker/clients/total", packet.SubscriptionOptions{})
	p := late.expectPublish()
	require.True(t, p.Retain)
	total, err := strconv.Atoi(string(p.Payload))
	require.NoError(t, err)
	require.GreaterOrEqual(t, total, 4)
}
