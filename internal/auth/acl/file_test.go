package acl

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/auth"
)

// rules reads rules that are right.
func rules(t testing.TB, text string) *Rules {
	t.Helper()
	r, err := parse("acl.yaml", []byte(text))
	require.NoError(t, err)
	return r
}

// wrong gives the lines of what is wrong with a text.
func wrong(t *testing.T, text string) string {
	t.Helper()
	r, err := parse("acl.yaml", []byte(text))
	require.Nil(t, r)
	var problems auth.FileProblems
	require.True(t, errors.As(err, &problems), "%v", err)
	lines := make([]string, len(problems))
	for i, p := range problems {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

func TestReadAFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "acl.yaml")
	_, err := Read(name)
	require.EqualError(t, err, name+": cannot be read: no such file or directory")
	require.NoError(t, os.WriteFile(name, []byte("\ufeffrules:\n- {permission: allow, topics: '#'}\n"), 0o600))
	r, err := Read(name)
	require.NoError(t, err)
	require.Equal(t, 1, r.Len())
}

func TestNoRulesDenyEverything(t *testing.T) {
	r := rules(t, "rules: []")
	require.Zero(t, r.Len())
	require.False(t, may(r, "c", "u").publish("a"))
}

// All that is wrong is told, with its line and what is allowed.
func TestWrongFiles(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "acl.yaml: holds nothing; write rules: [], which denies everything, and rules below it",
		"# nothing":            "acl.yaml: holds nothing; write rules: [], which denies everything, and rules below it",
		"{}":                   "acl.yaml:1: has no rules; write rules: [], which denies everything, and rules below it",
		"- a":                  "acl.yaml:1: a list is no mapping; the file holds rules",
		"allow":                `acl.yaml:1: "allow" is no mapping; the file holds rules`,
		"rules:":               "acl.yaml:1: rules: nothing is not a list; write rules as - permission: allow",
		"rules: {a: 1}":        "acl.yaml:1: rules: a mapping is not a list; write rules as - permission: allow",
		"ruels: []":            "acl.yaml:1: ruels: unknown key; did you mean rules?",
		"rules: []\nrules: []": "acl.yaml:2: rules: is there twice; write it once",
		"rules: []\n---\na: 1": "acl.yaml:2: a second document starts here; allowed: one",
		"rules: [":             "acl.yaml:1: did not find expected node content",
		"rules: [x]":           `acl.yaml:1: rules[0]: "x" is no rule; it holds permission, users, anonymous, clients, actions, topics, qos, retain`,
		"rules:\n- {}":         "acl.yaml:2: rules[0]: permission is missing\nacl.yaml:2: rules[0]: topics is missing",

		"rules:\n- permission: alow\n  topics: a":               `acl.yaml:2: rules[0].permission: "alow" is not allowed; allowed: allow, deny`,
		"rules:\n- permission: [allow]\n  topics: a":            "acl.yaml:2: rules[0].permission: a list is not allowed; allowed: allow, deny",
		"rules:\n- permission: allow\n  topcs: a\n  topics: a":  "acl.yaml:3: rules[0].topcs: unknown key; did you mean topics?",
		"rules:\n- permission: allow\n  colour: a\n  topics: a": "acl.yaml:3: rules[0].colour: unknown key; there are permission, users, anonymous, clients, actions, topics, qos, retain",
		"rules:\n- permission: allow\n  topics:\n  - a\n  - a/#/b\n  - $share/g/f\n  - 7\n  - {}\n  - ''": `acl.yaml:5: rules[0].topics[1]: "a/#/b" is not a Topic Filter: ` + "`#`" + ` is not the whole last level of the filter [MQTT-4.7.1-1]
acl.yaml:6: rules[0].topics[2]: "$share/g/f" is of a Shared Subscription, which is judged by its Topic Filter; write only what follows $share/g/
acl.yaml:7: rules[0].topics[3]: 7 is not text; write it in quotes
acl.yaml:8: rules[0].topics[4]: a mapping is not text; write it in quotes
acl.yaml:9: rules[0].topics[5]: "" is not a Topic Filter: topic is empty [MQTT-4.7.3-1]`,
		"rules:\n- permission: allow\n  topics: []":                 "acl.yaml:3: rules[0].topics: the list is empty; name something, or leave the key out",
		"rules:\n- permission: allow\n  topics: ['a/${usrname}/b']": `acl.yaml:3: rules[0].topics[0]: "a/${usrname}/b" holds ${usrname}, which is not known; did you mean ${username}?`,
		"rules:\n- permission: allow\n  topics: ['a/${address}']":   `acl.yaml:3: rules[0].topics[0]: "a/${address}" holds ${address}, which is not known; there are ${clientid} and ${username}`,
		"rules:\n- permission: allow\n  topics: ['a/${clientid']":   `acl.yaml:3: rules[0].topics[0]: "a/${clientid" has a ${ without its }; there are ${clientid} and ${username}`,
		"rules:\n- permission: allow\n  topics: ['a${clientid}#']":  `acl.yaml:3: rules[0].topics[0]: "a${clientid}#" is not a Topic Filter: ` + "`#`" + ` is not the whole last level of the filter [MQTT-4.7.1-1]`,

		"rules:\n- {permission: allow, topics: a, users: [7, '', \"a\\0b\", '${username}']}": `acl.yaml:2: rules[0].users[0]: 7 is not text; write it in quotes
acl.yaml:2: rules[0].users[1]: is empty; write a name, * for any, or leave the key out
acl.yaml:2: rules[0].users[2]: "a\x00b" is not text that MQTT can carry
acl.yaml:2: rules[0].users[3]: "${username}" holds ${, which has a meaning in topics and clients alone`,
		"rules:\n- {permission: allow, topics: a, anonymous: false}":                  `acl.yaml:2: rules[0].anonymous: false says nothing; leave it out, and for all who have a user name write users: ["*"]`,
		"rules:\n- {permission: allow, topics: a, anonymous: maybe, users: x}":        "acl.yaml:2: rules[0].anonymous: \"maybe\" is not allowed; allowed: true, false",
		"rules:\n- {permission: allow, topics: a, actions: [publish, read, 1]}":       "acl.yaml:2: rules[0].actions[1]: \"read\" is not allowed; allowed: publish, subscribe, connect\nacl.yaml:2: rules[0].actions[2]: 1 is not allowed; allowed: publish, subscribe, connect",
		"rules:\n- {permission: allow, actions: connect, topics: a, qos: 1}":          "acl.yaml:2: rules[0].topics: does not go with actions: connect, which is about users and Client Identifiers alone\nacl.yaml:2: rules[0].qos: does not go with actions: connect, which is about users and Client Identifiers alone",
		"rules:\n- {permission: allow, actions: [publish, connect], users: a}":        "acl.yaml:2: rules[0].actions: connect goes alone; write a rule of its own for it",
		"rules:\n- {permission: allow, actions: connect, clients: ['${clientid}-*']}": `acl.yaml:2: rules[0].clients[0]: "${clientid}-*" holds a ${ that is not known; there is ${username}`,
		"rules:\n- {permission: allow, topics: a, qos: [0, 3, x]}":                    "acl.yaml:2: rules[0].qos[1]: 3 is not allowed; allowed: 0, 1, 2\nacl.yaml:2: rules[0].qos[2]: \"x\" is not allowed; allowed: 0, 1, 2",
		"rules:\n- {permission: allow, topics: a, retain: true}":                      "acl.yaml:2: rules[0].retain: goes with actions: publish alone, since a subscription has no RETAIN",
		"rules:\n- {permission: allow, topics: a, retain: 5, actions: publish}":       "acl.yaml:2: rules[0].retain: 5 is not allowed; allowed: true, false",
		"rules:\n- permission: allow\n  topics: a\n- permission: deny\n  topcs: [+]":  "acl.yaml:5: rules[1].topcs: unknown key; did you mean topics?",
	} {
		require.Equal(t, want, wrong(t, text), text)
	}
}

// One error is one line, however many there are.
func TestErrorOfManyProblems(t *testing.T) {
	_, err := parse("acl.yaml", []byte("rules: [{}]"))
	require.EqualError(t, err, "acl.yaml:1: rules[0]: permission is missing (and 1 more)")
}

// Anchors spare to write a list twice.
func TestAnchors(t *testing.T) {
	r := rules(t, "rules:\n- {permission: deny, users: &them [ann, 'b*'], topics: a/b}\n- {permission: allow, users: *them, topics: a/#}\n")
	require.True(t, may(r, "c", "bob").publish("a/c"))
	require.False(t, may(r, "c", "bob").publish("a/b"))
	require.False(t, may(r, "c", "eve").publish("a/c"))
}

func FuzzParse(f *testing.F) {
	f.Add("rules:\n- {permission: allow, users: ann, topics: ['a/${clientid}/#'], qos: 1}\n", "c", "ann", "a/c/b")
	f.Add("rules: [{permission: deny, actions: connect, clients: '${username}*'}]", "ann1", "ann", "a")
	f.Add("rules: &a [*a]", "", "", "a")
	f.Fuzz(func(t *testing.T, text, client, user, name string) {
		r, err := parse("acl.yaml", []byte(text))
		require.Equal(t, err == nil, r != nil)
		if r == nil {
			return
		}
		if c := may(r, client, user); c.Permissions != nil {
			c.publish(name)
			c.subscribe(name)
		}
	})
}

func TestSame(t *testing.T) {
	const text = "rules: [{permission: allow, topics: a}]"
	require.True(t, rules(t, text).Same(rules(t, text)))
	require.False(t, rules(t, text).Same(rules(t, text+"\n# more")))
}
