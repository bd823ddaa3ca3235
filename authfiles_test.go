package troupe

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/auth/password"
	"github.com/troupemq/troupe/protocol/packet"
)

// guarded is a Broker with a user ann, whose password is secret, and rules.
type guarded struct {
	*Broker
	t            *testing.T
	users, rules string
	log          diary
}

func guard(t *testing.T, rules string, options ...Option) *guarded {
	t.Helper()
	dir := t.TempDir()
	g := &guarded{t: t, users: filepath.Join(dir, "users"), rules: filepath.Join(dir, "rules"), log: newDiary()}
	g.password("ann", "secret")
	g.write(rules)
	g.Broker = startWith(t, func(c *configs.Config) {
		c.Auth = configs.Auth{PasswordFile: g.users, ACLFile: g.rules}
	}, append([]Option{g.log.option()}, options...)...)
	return g
}

func (g *guarded) password(name, secret string) {
	g.t.Helper()
	_, err := password.Set(within(g.t), g.users, name, []byte(secret))
	require.NoError(g.t, err)
}

func (g *guarded) write(rules string) {
	g.t.Helper()
	require.NoError(g.t, os.WriteFile(g.rules, []byte("rules:\n"+rules), 0o600))
}

// come connects, or tells why not.
func (g *guarded) come(id, user, secret string) (*client, ReasonCode) {
	g.t.Helper()
	p := durable(id)
	if user != "" {
		p.Username, p.Password = []byte(user), []byte(secret)
	}
	c := newClient(g.t, dial(g.t, g.Broker))
	return c, c.enter(p).Code
}

func (g *guarded) ann(id string) *client {
	g.t.Helper()
	c, code := g.come(id, "ann", "secret")
	require.Equal(g.t, packet.Success, code)
	return c
}

// asks is the answer to one SUBSCRIBE.
func (c *client) asks(filter string) packet.ReasonCode {
	c.t.Helper()
	id := c.sendSubscribe(packet.QoS1, filter)
	var ack packet.Suback
	require.NoError(c.t, ack.Decode(c.expect(packet.TypeSuback), packet.V5))
	require.Equal(c.t, id, ack.PacketID)
	return ack.Codes[0]
}

func TestFilesSayWhoMayDoWhat(t *testing.T) {
	g := guard(t, `
- {permission: allow, users: ann, topics: "of/${clientid}/#"}
- {permission: allow, actions: subscribe, topics: news}
`)
	for user, secret := range map[string]string{"ann": "wrong", "bob": "secret"} {
		_, code := g.come("c", user, secret)
		require.Equal(t, packet.BadUserNameOrPassword, code)
	}
	_, code := g.come("c", "", "")
	require.Equal(t, packet.NotAuthorized, code, "loopback lets nobody in without a name when there is auth")
	c := g.ann("c")
	for _, q := range []packet.QoS{packet.QoS1, packet.QoS2} {
		require.Equal(t, packet.NotAuthorized, c.publish(q, "of/d/a", ""))
		require.Equal(t, packet.NotAuthorized, c.publish(q, "news", ""))
		require.False(t, c.publish(q, "of/c/a", "").IsError())
	}
	require.Equal(t, packet.GrantedQoS1, c.asks("of/c/#"))
	require.Equal(t, packet.GrantedQoS1, c.asks("news"))
	require.Equal(t, packet.NotAuthorized, c.asks("of/#"))
	require.Equal(t, packet.NotAuthorized, c.asks("$share/g/of/+/a"))
}

// Other rules hold for who is connected: what it may publish, and what it is
// subscribed to.
func TestReloadedRulesHoldForConnectedClients(t *testing.T) {
	g := guard(t, "- {permission: allow, topics: ['a', 'b', 'end']}\n")
	c, d := g.ann("c"), g.ann("d")
	c.subscribe(packet.QoS1, "a", "b", "end")
	reload := func() {
		t.Helper()
		restart, err := g.Reload(within(t), g.Config())
		require.NoError(t, err)
		require.Empty(t, restart)
	}
	reload()
	require.Zero(t, g.log.count("rules reloaded"), "they are as they were")
	g.write("- {permission: allow, topics: ['b', 'end']}\n- {permission: allow, actions: publish, clients: d, topics: a}\n")
	reload()
	require.Equal(t, int64(2), g.log.await(t, 1, "rules reloaded", "file", g.rules).fields["rules"])
	require.Zero(t, g.log.count("users reloaded"))
	require.Equal(t, packet.NotAuthorized, c.publish(packet.QoS1, "a", ""))
	require.Equal(t, packet.NotAuthorized, c.asks("a"))
	require.Eventually(t, func() bool { return d.publish(packet.QoS1, "a", "gone") == packet.NoMatchingSubscribers }, patience, time.Millisecond)
	d.publish(packet.QoS1, "b", "one")
	d.publish(packet.QoS1, "end", "two")
	for p := c.receive(); string(p.Payload) != "one"; p = c.receive() {
		require.Equal(t, "gone", string(p.Payload)) // came before the subscription ended
	}
	c.gets("two")

	// What is wrong changes nothing.
	g.write("- {permission: alow, topics: a}\n")
	_, err := g.Reload(within(t), g.Config())
	require.EqualError(t, err, "auth.acl_file: "+g.rules+`:2: rules[0].permission: "alow" is not allowed; allowed: allow, deny`)
	require.False(t, d.publish(packet.QoS1, "a", "").IsError())
	require.Equal(t, 1, g.log.count("rules reloaded"))
}

func TestReloadedUsers(t *testing.T) {
	g := guard(t, "- {permission: allow, topics: '#'}\n")
	c := g.ann("c")
	before := g.passwords.Users()
	_, err := g.Reload(within(t), g.Config())
	require.NoError(t, err)
	require.Same(t, before, g.passwords.Users(), "a file that is as it was forgets nobody")
	g.password("ann", "other")
	g.password("bob", "secret")
	_, code := g.come("d", "bob", "secret")
	require.Equal(t, packet.BadUserNameOrPassword, code)
	_, err = g.Reload(within(t), g.Config())
	require.NoError(t, err)
	require.Equal(t, int64(2), g.log.await(t, 1, "users reloaded", "file", g.users).fields["users"])
	_, code = g.come("d", "bob", "secret")
	require.Equal(t, packet.Success, code)
	_, code = g.come("e", "ann", "secret")
	require.Equal(t, packet.BadUserNameOrPassword, code)
	require.Equal(t, packet.AdministrativeAction, c.gone().Code)

	// Another file, and one that is wrong.
	config := g.Config()
	config.Auth.PasswordFile = filepath.Join(t.TempDir(), "others")
	_, err = g.Reload(within(t), config)
	require.ErrorContains(t, err, "auth.password_file: "+config.Auth.PasswordFile+": cannot be read")
	_, code = g.come("e", "ann", "other")
	require.Equal(t, packet.Success, code)
	_, err = password.Set(within(t), config.Auth.PasswordFile, "eve", []byte("e"))
	require.NoError(t, err)
	restart, err := g.Reload(within(t), config)
	require.NoError(t, err)
	require.Empty(t, restart)
	require.Equal(t, config.Auth, g.Config().Auth)
	_, code = g.come("f", "eve", "e")
	require.Equal(t, packet.Success, code)

	// None where there was one needs a restart, and stays in force until then.
	config.Auth.PasswordFile, config.Auth.ACLFile = "", ""
	restart, err = g.Reload(within(t), config)
	require.NoError(t, err)
	require.Equal(t, []string{"listeners[0].allow_anonymous", "auth.password_file", "auth.acl_file"}, restart)
	_, code = g.come("f", "", "")
	require.Equal(t, packet.NotAuthorized, code)
}

// The program is asked first, and both have to allow.
func TestTheProgramBesideTheFiles(t *testing.T) {
	asked := make(chan string, 8)
	g := guard(t, "- {permission: allow, topics: ['both', 'file']}\n",
		WithAuthenticator(AuthenticatorFunc(func(_ context.Context, c Client) error {
			asked <- c.Username
			switch c.Username {
			case "program":
				return nil
			case "banned":
				return &Refusal{Code: packet.Banned}
			}
			return ErrUnknownClient
		})), WithAuthorizer(bothOnly{}))
	for _, c := range []struct {
		user, secret string
		want         ReasonCode
	}{{"program", "", packet.Success}, {"banned", "secret", packet.Banned}, {"ann", "secret", packet.Success}, {"ann", "wrong", packet.BadUserNameOrPassword}} {
		_, code := g.come("c", c.user, c.secret)
		require.Equal(t, c.want, code, c.user)
		require.Equal(t, c.user, <-asked)
	}
	c := g.ann("c")
	require.False(t, c.publish(packet.QoS1, "both", "").IsError())
	require.Equal(t, packet.NotAuthorized, c.publish(packet.QoS1, "file", ""))
	require.Equal(t, packet.NotAuthorized, c.publish(packet.QoS1, "program", ""))
}

// bothOnly allows two topics.
type bothOnly struct{}

func (bothOnly) Permissions(context.Context, Client) (Permissions, error) { return bothOnly{}, nil }
func (bothOnly) MayPublish(topic []byte, _ packet.QoS, _ bool) bool {
	return string(topic) == "both" || string(topic) == "program"
}
func (bothOnly) MaySubscribe(string, packet.QoS) bool { return true }

// Rules do not go by a name that nobody has asked for a password.
func TestRulesForAnonymousClients(t *testing.T) {
	rules := filepath.Join(t.TempDir(), "rules")
	require.NoError(t, os.WriteFile(rules, []byte(`rules:
- {permission: allow, users: ann, topics: private}
- {permission: allow, anonymous: true, topics: public}
`), 0o600))
	yes := true
	b := startWith(t, func(c *configs.Config) {
		c.Auth.ACLFile, c.Listeners[0].AllowAnonymous = rules, &yes
	})
	p := durable("c")
	p.Username = []byte("ann")
	c := connectWith(t, dial(t, b), p)
	require.Equal(t, packet.NotAuthorized, c.publish(packet.QoS1, "private", ""))
	require.False(t, c.publish(packet.QoS1, "public", "").IsError())
}

// An address that the world can reach needs a way in; an Authenticator is one.
func TestAddressBeyondLoopback(t *testing.T) {
	const address = "0.0.0.0:1883"
	_, err := New(WithAddress(address), WithDataDir(""))
	require.ErrorContains(t, err, "listeners[0].allow_anonymous: false lets nobody in at "+address)
	nobody := AuthenticatorFunc(func(context.Context, Client) error { return ErrUnknownClient })
	b, err := New(WithAddress(address), WithDataDir(""), WithAuthenticator(nobody))
	require.NoError(t, err)
	require.False(t, b.Config().Listeners[0].Anonymous(b.Config().Auth), "it is no way in without a name")
}

// A start that failed reads the files again, and asks each once.
func TestStartAgainWithFiles(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	users := filepath.Join(t.TempDir(), "users")
	_, err = password.Set(within(t), users, "ann", []byte("a"))
	require.NoError(t, err)
	c := configs.Defaults()
	c.DataDir, c.Auth.PasswordFile, c.Listeners[0].Address = "", users, taken.Addr().String()
	b, err := New(WithConfig(c))
	require.NoError(t, err)
	require.Error(t, b.Start(within(t)))
	_, err = password.Set(within(t), users, "bob", []byte("b"))
	require.NoError(t, err)
	require.NoError(t, taken.Close())
	require.NoError(t, b.Start(within(t)))
	defer func() { require.NoError(t, b.Shutdown(within(t))) }()
	require.Len(t, b.judge.Authenticators, 1)
	require.Equal(t, []string{"ann", "bob"}, b.passwords.Users().Names())
	require.NoError(t, os.Remove(users))
	b2, err := New(WithConfig(c))
	require.ErrorContains(t, err, "auth.password_file: "+users+": cannot be read")
	require.Nil(t, b2)
}
