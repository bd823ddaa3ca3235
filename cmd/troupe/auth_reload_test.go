//go:build unix

package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

// SIGHUP takes other users and rules, which hold for who is connected too; what is
// wrong changes nothing.
func TestHangupReadsUsersAndRules(t *testing.T) {
	g := guard(t, "- {permission: allow, topics: [a, b]}\n", "ann")
	hangup := func(wait string) {
		t.Helper()
		said := strings.Count(g.log.String(), wait)
		require.NoError(t, g.command.Process.Signal(syscall.SIGHUP))
		require.Eventually(t, func() bool { return strings.Count(g.log.String(), wait) > said }, patience, time.Millisecond, g.log)
	}
	ann := paho5(t, g.address, as("ann", "ann"))
	ann.subscribe(paho.SubscribeOptions{Topic: "a", QoS: 1}, paho.SubscribeOptions{Topic: "b", QoS: 1})
	publish := func(topic string) byte {
		t.Helper()
		r, err := ann.Publish(ann.context(), &paho.Publish{Topic: topic, QoS: 1, Payload: []byte(topic)})
		require.NotNil(t, r, "%v", err)
		return r.ReasonCode
	}
	require.Zero(t, publish("a"))
	ann.expect("a")

	g.rules(t, "- {permission: allow, topics: b}\n- {permission: allow, actions: publish, users: bob, topics: a}\n")
	g.password(t, "bob", "bob")
	require.EqualValues(t, packet.BadUserNameOrPassword, refused5(t, g.address, as("bob", "bob")))
	hangup(`"message":"reloaded"`)
	require.Contains(t, g.log.String(), "users reloaded")
	require.Contains(t, g.log.String(), "rules reloaded")
	require.EqualValues(t, packet.NotAuthorized, publish("a"))
	bob := paho5(t, g.address, as("bob", "bob"))
	require.Eventually(t, func() bool { // the subscription ends
		r, err := bob.Publish(bob.context(), &paho.Publish{Topic: "a", QoS: 1, Payload: []byte("late")})
		return err == nil && r.ReasonCode == byte(packet.NoMatchingSubscribers)
	}, patience, time.Millisecond)
	require.Zero(t, publish("b"))
	for m := ann.next(); string(m.Payload) != "b"; m = ann.next() {
		require.Equal(t, "late", string(m.Payload))
	}

	g.rules(t, "- {permission: allow, topics: [+a]}\n")
	hangup("the configuration was not reloaded, all stays as it is")
	require.Contains(t, g.log.String(), g.path("rules")+`:2: rules[0].topics[0]`)
	require.EqualValues(t, packet.NotAuthorized, publish("a"))
	require.Zero(t, publish("b"))
	ann.expect("b")
}
