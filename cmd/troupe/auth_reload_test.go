//go:build unix

package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

// SIGHUP disconnects whose user was taken out or has another password, and nobody
// else.
func TestHangupDisconnectsUsersThatAreGone(t *testing.T) {
	g := guard(t, "- {permission: allow, topics: ['#', '$SYS/#']}\n", "ann", "bob", "eve")
	eve := paho5(t, g.address, as("eve", "eve"))
	eve.subscribe(paho.SubscribeOptions{Topic: "wills/#", QoS: 1})
	will := as("ann", "ann")
	will.WillMessage = &paho.WillMessage{Topic: "wills/ann", Payload: []byte("gone"), QoS: 1}
	ann := paho5(t, g.address, will)
	lost := make(chan error, 1)
	paho3(t, g.address, 4, "bob", func(o *mqtt.ClientOptions) {
		o.SetUsername("bob").SetPassword("bob").SetAutoReconnect(false).SetWill("wills/bob", "changed", 1, false)
		o.SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost <- err })
	})
	r := passwd(t, g.dir, "", "delete", "--file", "users", "ann")
	require.Zero(t, r.code, r.stderr)
	g.password(t, "bob", "other")
	require.NoError(t, g.command.Process.Signal(syscall.SIGHUP))
	ann.expectGoodbye(byte(packet.AdministrativeAction))
	select {
	case <-lost:
	case <-time.After(patience):
		require.FailNow(t, "bob stays", g.log)
	}
	require.ElementsMatch(t, []string{"gone", "changed"}, []string{string(eve.next().Payload), string(eve.next().Payload)})
	require.Eventually(t, func() bool {
		return strings.Contains(g.log.String(), `"message":"clients were disconnected that are not let in any more","instance":"troupe","clients":2`)
	}, patience, time.Millisecond, g.log)
	require.EqualValues(t, packet.BadUserNameOrPassword, refused5(t, g.address, as("ann", "ann")))
	require.EqualValues(t, 4, refused3(t, g.address, func(o *mqtt.ClientOptions) { o.SetUsername("bob").SetPassword("bob") }))
	eve.subscribe(paho.SubscribeOptions{Topic: "$SYS/broker/clients/revoked"})
	for m := eve.next(); string(m.Payload) != "2"; m = eve.next() {
		require.Equal(t, "0", string(m.Payload), "it is counted")
	}
}

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
