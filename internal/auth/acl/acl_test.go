package acl

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/protocol/packet"
)

// asked is a Client of whom something is asked.
type asked struct{ auth.Permissions }

func may(r *Rules, client, user string) asked {
	p, _ := New(r).Permissions(context.Background(), auth.Client{ID: client, Username: user, Verified: true})
	return asked{p}
}

func (a asked) publish(name string) bool     { return a.MayPublish([]byte(name), packet.QoS0, false) }
func (a asked) subscribe(filter string) bool { return a.MaySubscribe(filter, packet.QoS0) }

func TestFirstThatMatchesDecides(t *testing.T) {
	c := may(rules(t, `
rules:
  - {permission: allow, topics: public/keys/own}
  - {permission: deny, topics: public/keys/#}
  - {permission: allow, topics: [public/#, "+/state"]}
`), "c", "")
	for name, want := range map[string]bool{
		"public/keys/own": true, "public/keys/other": false, "public/keys": false, "public/a/b": true, "public": true,
		"a/state": true, "a/b/state": false, "private": false, "publicity": false,
	} {
		require.Equal(t, want, c.publish(name), name)
		require.Equal(t, want, c.subscribe(name), name)
	}
	for filter, want := range map[string]bool{
		"public/a/#": true, "public/#": false, "public/+": false, "public/+/+": false, "public/keys/+": false, "#": false,
		"+/state": true, "+/+": false, "$share/g/public/a/+": true, "$share/g/public/#": false, "$share/public/a": false,
	} {
		require.Equal(t, want, c.subscribe(filter), filter)
	}
}

func TestNoRulesAllowEverything(t *testing.T) {
	c := may(nil, "c", "")
	require.True(t, c.publish("a"))
	require.True(t, c.subscribe("#"))
}

func TestWhoARuleConcerns(t *testing.T) {
	r := rules(t, `
rules:
  - {permission: allow, users: [ann, "plant-*"], topics: users}
  - {permission: allow, clients: ["sensor-*-temp", exact], topics: clients}
  - {permission: allow, users: "*", clients: "s*", topics: both}
  - {permission: allow, anonymous: true, topics: anonymous}
  - {permission: allow, anonymous: true, users: ann, topics: either}
  - {permission: allow, topics: everybody}
`)
	for _, c := range []struct {
		client, user string
		want         []string
	}{
		{"c", "", []string{"anonymous", "either", "everybody"}},
		{"c", "ann", []string{"users", "either", "everybody"}},
		{"c", "Ann", []string{"everybody"}},
		{"c", "plant-", []string{"users", "everybody"}},
		{"c", "plant-7", []string{"users", "everybody"}},
		{"sensor-7-temp", "x", []string{"clients", "both", "everybody"}},
		{"sensor-temp", "x", []string{"both", "everybody"}},
		{"sensor--temp", "", []string{"clients", "anonymous", "either", "everybody"}},
		{"exact", "x", []string{"clients", "everybody"}},
	} {
		var got []string
		for _, name := range []string{"users", "clients", "both", "anonymous", "either", "everybody"} {
			if may(r, c.client, c.user).publish(name) {
				got = append(got, name)
			}
		}
		require.Equal(t, c.want, got, "%+v", c)
	}
}

// Who is let in without being asked for a password is not who he says.
func TestNamesThatNobodyVouchesFor(t *testing.T) {
	r := rules(t, "rules:\n- {permission: allow, users: '*', topics: ['a', 'of/${username}']}\n- {permission: allow, anonymous: true, topics: b}\n")
	p, err := New(r).Permissions(context.Background(), auth.Client{ID: "c", Username: "ann"})
	require.NoError(t, err)
	c := asked{p}
	require.False(t, c.publish("a") || c.publish("of/ann"))
	require.True(t, c.publish("b"))
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true}, {"a*", "a", true}, {"*a", "ba", true}, {"a*a", "a", false}, {"a*a", "aa", true}, {"a*b*c", "abbc", true},
		{"a*bc*c", "abc", false}, {"a**c", "ac", true}, {"*b*", "abc", true}, {"*b*", "ac", false}, {"a", "a", true}, {"a", "ab", false},
	} {
		require.Equal(t, c.want, newPattern(c.pattern).matches(c.name), "%s %s", c.pattern, c.name)
	}
}

func TestWhatARuleIsAbout(t *testing.T) {
	c := may(rules(t, `
rules:
  - {permission: allow, actions: publish, topics: p}
  - {permission: allow, actions: [subscribe], topics: s}
  - {permission: allow, qos: [0, 2], topics: q}
  - {permission: deny, actions: publish, retain: true, topics: r}
  - {permission: allow, topics: r}
  - {permission: allow, actions: publish, retain: true, topics: k}
`), "c", "")
	require.True(t, c.publish("p"))
	require.False(t, c.subscribe("p"))
	require.False(t, c.publish("s"))
	require.True(t, c.subscribe("s"))
	for q, want := range []bool{true, false, true} {
		require.Equal(t, want, c.MayPublish([]byte("q"), packet.QoS(q), false))
		require.Equal(t, want, c.MaySubscribe("q", packet.QoS(q)))
	}
	require.True(t, c.MayPublish([]byte("r"), packet.QoS0, false))
	require.False(t, c.MayPublish([]byte("r"), packet.QoS0, true))
	require.True(t, c.subscribe("r"))
	require.True(t, c.MayPublish([]byte("k"), packet.QoS0, true))
	require.False(t, c.MayPublish([]byte("k"), packet.QoS0, false))
}

func TestNamesPutIn(t *testing.T) {
	r := rules(t, `
rules:
  - {permission: deny, topics: "locked/${username}/#"}
  - {permission: allow, topics: ["up/${clientid}/#", "of/${username}/dev-${clientid}", "${clientid}/x"]}
  - {permission: allow, topics: locked/#}
`)
	c := may(r, "s7", "ann")
	for name, want := range map[string]bool{
		"up/s7": true, "up/s7/a": true, "up/s8": false, "up": false, "of/ann/dev-s7": true, "of/ann/dev-s8": false, "of/bob/dev-s7": false,
		"s7/x": true, "s8/x": false, "locked/ann": false, "locked/ann/a": false, "locked/bob": true, "up/${clientid}": false,
	} {
		require.Equal(t, want, c.publish(name), name)
	}
	require.True(t, c.subscribe("up/s7/#"))
	require.False(t, c.subscribe("up/+/a"))
	require.False(t, c.subscribe("locked/#"))
}

// What a Client calls itself never makes a rule that allows wider, nor one that
// denies narrower.
func TestNamesNeverWiden(t *testing.T) {
	r := rules(t, `
rules:
  - {permission: deny, topics: ["deny/${clientid}/x", "deny/of/${username}"]}
  - {permission: allow, topics: ["up/${clientid}/#", "up/of/${username}", "${clientid}/#", "dev-${clientid}/y"]}
  - {permission: allow, topics: ["deny/#", "deny2/#"]}
`)
	for _, id := range []string{"+", "#", "a/b", "/", "", "a+", "up/other", "$SYS/x", "$share/g"} {
		c := may(r, id, "")
		for _, name := range []string{"up/a", "up/a/b", "up/+/a", "a", "a/b", "b/c", "up/other", "up/of/", "$SYS/x", "$SYS/x/y", "$share/g/a", "dev-a/y", "dev-a/b/y", "/", ""} {
			require.False(t, c.publish(name), "%q: %s", id, name)
		}
		for _, filter := range []string{"up/+/#", "up/#", "#", "+/#", "up/a/#", "a/b/#", "$SYS/#", "dev-+/y"} {
			require.False(t, c.subscribe(filter), "%q: %s", id, filter)
		}
		for _, name := range []string{"deny/" + id + "/x", "deny/a/x", "deny/of/x", "deny"} {
			require.False(t, c.publish(name), "%q: %s", id, name)
		}
		require.True(t, c.publish("deny2/a"))
		require.False(t, c.subscribe("deny/q/x"), id)
	}
	// A `$` is a first character for the whole of a topic alone.
	require.True(t, may(r, "$7", "").publish("up/$7/a"))
	require.False(t, may(r, "$7", "").publish("$7/a"))

	// A rule of which nothing is known before the name denies the server's topics too.
	r = rules(t, "rules:\n- {permission: deny, topics: '${clientid}/#'}\n- {permission: allow, topics: ['#', '$app/#']}\n")
	require.False(t, may(r, "$app", "").publish("$app/a"))
	require.False(t, may(r, "$app", "").subscribe("$app/a"))
	require.True(t, may(r, "b", "").publish("$app/a"))
	require.False(t, may(r, "b", "").publish("b/a"))
}

func TestWildcardsLeaveOutTheServersTopics(t *testing.T) {
	c := may(rules(t, "rules:\n- {permission: allow, topics: ['#', '+/a', '+']}\n"), "c", "")
	require.True(t, c.publish("a/b"))
	for _, name := range []string{"$SYS/a", "$app", "$app/a"} {
		require.False(t, c.publish(name), name)
		require.False(t, c.subscribe(name), name)
	}
	c = may(rules(t, "rules:\n- {permission: allow, topics: '$SYS/broker/#'}\n"), "c", "")
	require.True(t, c.subscribe("$SYS/broker/+"))
	require.False(t, c.subscribe("#"))
}

// Rules that are set hold for who was there before, at once.
func TestSetHoldsAtOnce(t *testing.T) {
	a := New(rules(t, "rules:\n- {permission: allow, topics: 'a/${clientid}'}\n"))
	p, err := a.Permissions(context.Background(), auth.Client{ID: "c"})
	require.NoError(t, err)
	c := asked{p}
	require.True(t, c.publish("a/c"))
	a.Set(rules(t, "rules:\n- {permission: allow, topics: 'b/${clientid}'}\n"))
	require.False(t, c.publish("a/c"))
	require.True(t, c.publish("b/c"))
	a.Set(nil)
	require.True(t, c.publish("a/c"))
	a.Set(rules(t, "rules: []"))
	require.False(t, c.publish("a/c"))
	require.Zero(t, a.Rules().Len())
}
