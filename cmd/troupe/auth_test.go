package main

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

// guarded is the binary with users and rules.
type guarded struct {
	*process
	dir string // of the files users and rules
}

// guard starts it. Users have their names as their passwords.
func guard(t *testing.T, rules string, users ...string) *guarded {
	t.Helper()
	g := &guarded{dir: t.TempDir()}
	for _, name := range users {
		g.password(t, name, name)
	}
	g.rules(t, rules)
	g.process = serveProcess(t, fmt.Sprintf("data_dir: ''\nsys: {interval: 100ms}\nauth: {password_file: '%s', acl_file: '%s'}\n", g.path("users"), g.path("rules")))
	return g
}

func (g *guarded) path(name string) string { return filepath.Join(g.dir, name) }

func (g *guarded) password(t *testing.T, name, secret string) {
	t.Helper()
	r := passwd(t, g.dir, secret, "set", "--file", "users", name)
	require.Zero(t, r.code, r.stderr)
}

func (g *guarded) rules(t *testing.T, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(g.path("rules"), []byte("rules:\n"+text), 0o600))
}

// as is a CONNECT of a user whose name is the password.
func as(id, name string) paho.Connect {
	return paho.Connect{ClientID: id, CleanStart: true, Username: name, UsernameFlag: name != "", Password: []byte(name), PasswordFlag: name != ""}
}

// refused5 is the Reason Code of a CONNACK that lets nobody in.
func refused5(t *testing.T, address string, c paho.Connect) byte {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	connack, err := paho.NewClient(paho.ClientConfig{ClientID: c.ClientID, Conn: conn, PacketTimeout: patience}).Connect(t.Context(), &c)
	require.Error(t, err)
	require.NotNil(t, connack, "%v", err)
	return connack.ReasonCode
}

// refused3 is the return code of a CONNACK that lets nobody in.
func refused3(t *testing.T, address string, change func(*mqtt.ClientOptions)) byte {
	t.Helper()
	o := mqtt.NewClientOptions().AddBroker((&url.URL{Scheme: "tcp", Host: address}).String()).SetProtocolVersion(4).SetClientID("c")
	change(o)
	token := mqtt.NewClient(o).Connect()
	require.True(t, token.WaitTimeout(patience))
	require.Error(t, token.Error())
	return token.(*mqtt.ConnectToken).ReturnCode()
}

func TestUsers(t *testing.T) {
	g := guard(t, "- {permission: allow, topics: '#'}\n", "ann", "bob")
	wrong := as("c", "ann")
	wrong.Password = []byte("bob")
	none := as("c", "ann")
	none.Password, none.PasswordFlag = nil, false
	for name, c := range map[string]struct {
		connect paho.Connect
		five    packet.ReasonCode
		three   byte
	}{
		"a wrong password":  {wrong, packet.BadUserNameOrPassword, 4},
		"no password":       {none, packet.BadUserNameOrPassword, 4},
		"a user of no file": {as("c", "eve"), packet.BadUserNameOrPassword, 4},
		"nobody":            {as("c", ""), packet.NotAuthorized, 5},
	} {
		require.Equal(t, byte(c.five), refused5(t, g.address, c.connect), name)
		require.Equal(t, c.three, refused3(t, g.address, func(o *mqtt.ClientOptions) {
			o.SetUsername(c.connect.Username).SetPassword(string(c.connect.Password))
		}), name)
	}
	require.Contains(t, g.log.String(), "client refused")
	require.Contains(t, g.log.String(), "the password is wrong")

	ann := paho5(t, g.address, as("ann", "ann"))
	bob := paho3(t, g.address, 4, "bob", func(o *mqtt.ClientOptions) { o.SetUsername("bob").SetPassword("bob") })
	bob.subscribe("a", 1)
	ann.publish(&paho.Publish{Topic: "a", QoS: 1, Payload: []byte("hello")})
	bob.expect("hello")
}

const someRules = `- {permission: allow, users: operator, topics: ["#", "$SYS/#"]}
- {permission: allow, actions: publish, topics: "sensors/${username}/#"}
- {permission: allow, actions: subscribe, topics: "commands/${username}/+"}
`

func TestRules(t *testing.T) {
	g := guard(t, someRules, "operator", "ann")
	operator := paho5(t, g.address, as("operator", "operator"))
	operator.subscribe(paho.SubscribeOptions{Topic: "sensors/#", QoS: 2}, paho.SubscribeOptions{Topic: "$SYS/broker/refused/denied"})
	ann := paho5(t, g.address, as("ann", "ann"))

	publish := func(topic string, qos byte) byte {
		t.Helper()
		r, err := ann.Publish(ann.context(), &paho.Publish{Topic: topic, QoS: qos, Payload: []byte(fmt.Sprint("ann", qos))})
		if qos == 0 {
			require.NoError(t, err)
			return 0
		}
		require.NotNil(t, r, "%v", err)
		return r.ReasonCode
	}
	for qos := range byte(3) {
		code := byte(packet.NotAuthorized) // PUBACK, PUBREC
		if qos == 0 {
			code = 0 // dropped, and counted below
		}
		require.Equal(t, code, publish("sensors/bob/t", qos))
		require.Zero(t, publish("sensors/ann/t", qos))
	}
	subscribe := func(filter string) byte {
		t.Helper()
		suback, err := ann.Subscribe(ann.context(), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: 1}}})
		require.NotNil(t, suback, "%v", err)
		return suback.Reasons[0]
	}
	require.EqualValues(t, 1, subscribe("commands/ann/on"))
	require.EqualValues(t, 1, subscribe("$share/g/commands/ann/+"))
	for _, filter := range []string{"commands/ann/#", "commands/+/on", "#", "$SYS/#", "sensors/ann/#"} {
		require.EqualValues(t, packet.NotAuthorized, subscribe(filter), filter)
	}

	// What was allowed has come, in order, and nothing else; what was not is counted.
	const denied = 3 + 5
	count := 0
	var texts []string
	for len(texts) < 3 || count < denied {
		if m := operator.next(); strings.HasPrefix(m.Topic, "$SYS/") {
			n, err := strconv.Atoi(string(m.Payload))
			require.NoError(t, err)
			count = n
		} else {
			require.Equal(t, "sensors/ann/t", m.Topic)
			texts = append(texts, string(m.Payload))
		}
	}
	require.Equal(t, denied, count)
	require.Equal(t, []string{"ann0", "ann1", "ann2"}, texts)
	require.Equal(t, 1, strings.Count(g.log.String(), "client has no right to do this"), "once for each connection: %s", g.log)
	require.Contains(t, g.log.String(), `"topic":"sensors/bob/t"`)

	// Before MQTT 5 there is 0x80 for a subscription, and no word for a message.
	three := paho3(t, g.address, 4, "three", func(o *mqtt.ClientOptions) { o.SetUsername("ann").SetPassword("ann") })
	token := three.Subscribe("commands/bob/+", 1, nil)
	require.True(t, token.WaitTimeout(patience))
	require.Equal(t, map[string]byte{"commands/bob/+": 0x80}, token.(*mqtt.SubscribeToken).Result())
	three.publish("sensors/bob/t", 1, false, "nobody gets this")
	three.publish("sensors/ann/t", 1, false, "last")
	for {
		if m := operator.next(); !strings.HasPrefix(m.Topic, "$SYS/") {
			require.Equal(t, "last", string(m.Payload))
			break
		}
	}
}

// Who may not leave its Will is not let in, rather than left without it.
func TestWillWithoutRights(t *testing.T) {
	g := guard(t, someRules, "operator", "ann")
	will := func(topic string) paho.Connect {
		c := as("ann", "ann")
		c.WillMessage = &paho.WillMessage{Topic: topic, Payload: []byte("gone"), QoS: 1}
		return c
	}
	require.EqualValues(t, packet.NotAuthorized, refused5(t, g.address, will("sensors/bob/state")))
	require.EqualValues(t, 5, refused3(t, g.address, func(o *mqtt.ClientOptions) {
		o.SetUsername("ann").SetPassword("ann").SetWill("sensors/bob/state", "gone", 1, false)
	}))
	require.Contains(t, g.log.String(), `no right to publish its Will to \"sensors/bob/state\"`)
	operator := paho5(t, g.address, as("operator", "operator"))
	operator.subscribe(paho.SubscribeOptions{Topic: "sensors/#", QoS: 1})
	paho5(t, g.address, will("sensors/ann/state")).cut()
	operator.expect("gone")
}

// What is wrong with the files is said at the start, with key, file and line.
func TestWrongFilesOfAuth(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	users, rules := file("users", "# users\nann:secret\n"), file("rules", "rules:\n- permission: allow\n  topics: [a/#/b]\n- {permission: allow, topcs: a}\n")
	config := fmt.Sprintf("auth:\n  password_file: %s\n  acl_file: %s\n", users, rules)
	want := []string{
		"troupe: c.yaml:2: auth.password_file: " + users + `:2: user "ann": what is behind the name is no hash; set the password with troupe passwd set`,
		"troupe: c.yaml:3: auth.acl_file: " + rules + ":3: rules[0].topics[0]: \"a/#/b\" is not a Topic Filter: `#` is not the whole last level of the filter [MQTT-4.7.1-1]",
		"troupe: c.yaml:3: auth.acl_file: " + rules + ":4: rules[1].topcs: unknown key; did you mean topics?",
	}
	require.Equal(t, result{2, "", strings.Join(want, "\n") + "\n"}, command(t, config, nil, "check", "-c", "c.yaml"))
	require.Equal(t, result{2, "", want[0] + " (and 2 more)\n"}, command(t, config, nil, "serve", "-c", "c.yaml"))
	r := command(t, "auth: {password_file: none}\n", nil, "check", "-c", "c.yaml")
	require.Equal(t, result{2, "", "troupe: c.yaml:1: auth.password_file: none: cannot be read: no such file or directory; make it with troupe passwd set, or name another file\n"}, r)
}

// A rule keeps a user from the Session of another: what waits in it is there for
// the one whose it is.
func TestRulesOfClientIdentifiers(t *testing.T) {
	g := guard(t, "- {permission: allow, topics: '#'}\n- {permission: allow, actions: connect, clients: ['${username}', '${username}:*']}\n", "ann", "bob")
	hers := lasting("ann:1", true)
	hers.Username, hers.UsernameFlag, hers.Password, hers.PasswordFlag = "ann", true, []byte("ann"), true
	ann := paho5(t, g.address, hers)
	ann.subscribe(paho.SubscribeOptions{Topic: "a", QoS: 1})
	ann.cut()
	bob := paho5(t, g.address, as("bob", "bob"))
	bob.publish(&paho.Publish{Topic: "a", QoS: 1, Payload: []byte("hers")})
	theft := as("ann:1", "bob")
	theft.CleanStart = false
	require.EqualValues(t, packet.NotAuthorized, refused5(t, g.address, theft))
	require.EqualValues(t, packet.NotAuthorized, refused5(t, g.address, as("ann:1", "bob")))
	require.EqualValues(t, 5, refused3(t, g.address, func(o *mqtt.ClientOptions) { o.SetClientID("ann:1").SetUsername("bob").SetPassword("bob") }))
	require.Contains(t, g.log.String(), "no rule allows this user to connect with this client identifier")
	hers.CleanStart = false
	again := paho5(t, g.address, hers, ann)
	require.True(t, again.connack.SessionPresent)
	again.expect("hers")
}
