package troupe

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/internal/auth/password"
	"github.com/troupemq/troupe/protocol/packet"
)

// remove takes a user out of the file.
func (g *guarded) remove(name string) {
	g.t.Helper()
	require.NoError(g.t, password.Delete(within(g.t), g.users, name))
}

func (g *guarded) reload() {
	g.t.Helper()
	restart, err := g.Reload(within(g.t), g.Config())
	require.NoError(g.t, err)
	require.Empty(g.t, restart)
}

const everything = "- {permission: allow, topics: '#'}\n"

// Who was let in by a line of the file that is gone, or is another one now, is
// disconnected by the reload. All others stay.
func TestReloadDisconnectsUsersThatAreGone(t *testing.T) {
	yes := true
	g := guard(t, everything, WithSettings(func(c *configs.Config) { c.Listeners[0].AllowAnonymous = &yes }),
		WithAuthenticator(AuthenticatorFunc(func(_ context.Context, c Client) error {
			if c.Username == "program" {
				return nil
			}
			return ErrUnknownClient
		})))
	for _, name := range []string{"bob", "eve"} {
		g.password(name, "secret")
	}
	g.reload()

	stay := make(map[string]*client)
	for id, user := range map[string]string{"eve-1": "eve", "eve-2": "eve", "theirs": "program", "nobody": ""} {
		c, code := g.come(id, user, "secret")
		require.Equal(t, packet.Success, code)
		stay[id] = c
	}
	watcher := stay["theirs"]
	watcher.subscribe(packet.QoS1, "will")
	ann := durable("ann")
	ann.Username, ann.Password = []byte("ann"), []byte("secret")
	ann.Will = &packet.Will{Topic: []byte("will"), Payload: []byte("gone"), QoS: packet.QoS1}
	first := connectWith(t, dial(t, g.Broker), ann)
	second := g.ann("ann-2")
	bob, code := g.come("bob", "bob", "secret")
	require.Equal(t, packet.Success, code)
	old := newClient(t, dial(t, g.Broker))
	old.write((&packet.Connect{Version: packet.V311, ClientID: []byte("old"), Username: []byte("ann"), Password: []byte("secret")}).Append(nil))
	old.expect(packet.TypeConnack)

	g.remove("ann")
	g.password("bob", "secret") // with another salt
	g.reload()
	for _, c := range []*client{first, second, bob} {
		why := c.gone()
		require.Equal(t, packet.AdministrativeAction, why.Code)
		require.Equal(t, "not let in any more", string(why.ReasonString))
	}
	require.Nil(t, old.gone(), "there is no such packet before MQTT 5")
	watcher.gets("gone")
	require.EqualValues(t, 4, g.log.await(t, 1, "clients were disconnected that are not let in any more").fields["clients"])
	require.EqualValues(t, 4, g.tree.counters.ClientsRevoked.Load())
	for _, c := range stay {
		c.ping()
	}
	_, code = g.come("ann", "ann", "secret")
	require.Equal(t, packet.BadUserNameOrPassword, code)
	bob, code = g.come("bob", "bob", "secret")
	require.Equal(t, packet.Success, code)

	// What changes nobody who is here disconnects nobody.
	g.password("new", "secret")
	g.reload()
	g.log.await(t, 3, "users reloaded")
	bob.ping()
	require.Equal(t, 1, g.log.count("clients were disconnected that are not let in any more"))
}

// Another file is judged as the same one with other lines.
func TestReloadOfAnotherFileDisconnects(t *testing.T) {
	g := guard(t, everything)
	g.password("bob", "secret")
	g.reload()
	ann := g.ann("ann")
	bob, code := g.come("bob", "bob", "secret")
	require.Equal(t, packet.Success, code)
	text, err := os.ReadFile(g.users)
	require.NoError(t, err)
	config := g.Config()
	config.Auth.PasswordFile = filepath.Join(t.TempDir(), "others")
	require.NoError(t, os.WriteFile(config.Auth.PasswordFile, text, 0o600))
	require.NoError(t, password.Delete(within(t), config.Auth.PasswordFile, "ann"))
	_, err = g.Reload(within(t), config)
	require.NoError(t, err)
	require.Equal(t, packet.AdministrativeAction, ann.gone().Code)
	bob.ping()
}

// hesitant is an Authorizer that lets nobody on until it is told to.
type hesitant struct{ asked, on chan struct{} }

func (s hesitant) Permissions(context.Context, Client) (Permissions, error) {
	s.asked <- struct{}{}
	<-s.on
	return nil, nil
}

// Nobody slips in whose password was right before the reload.
func TestNobodySlipsThroughAReload(t *testing.T) {
	judge := hesitant{make(chan struct{}, 1), make(chan struct{})}
	g := guard(t, everything, WithAuthorizer(judge))
	p := durable("ann")
	p.Username, p.Password = []byte("ann"), []byte("secret")
	c := newClient(t, dial(t, g.Broker))
	c.write(p.Append(nil))
	<-judge.asked // the password was right
	g.remove("ann")
	g.reload()
	close(judge.on)
	require.Equal(t, packet.ServerBusy, c.entered().Code)
	g.log.await(t, 1, "client refused", "client", "ann", "error", "server busy: users or rules have changed while the client was judged")
}

// However connecting and reloading fall together, in the end nobody is connected
// who is not in the file.
func TestStormOfReloadsLeavesNobodyIn(t *testing.T) {
	g := guard(t, everything)
	const clients = 8
	over := make(chan struct{})
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				conn, err := net.Dial("tcp", g.Addr("tcp").String())
				if err != nil {
					t.Error(err)
					return
				}
				p := durable(fmt.Sprint("c", i))
				p.Username, p.Password = []byte("ann"), []byte("secret")
				if _, err := conn.Write(p.Append(nil)); err != nil {
					t.Error(err)
					return
				}
				c := newClient(t, conn)
				for { // until it is disconnected
					if _, err := c.frame(); err != nil {
						break
					}
				}
				_ = conn.Close()
			}
		})
	}
	with, err := os.ReadFile(g.users)
	require.NoError(t, err)
	for range 20 {
		require.NoError(t, os.WriteFile(g.users, []byte("# nobody\n"), 0o600))
		g.reload()
		require.NoError(t, os.WriteFile(g.users, with, 0o600))
		g.reload()
		g.ann("sees that they can come").leave()
	}
	close(over)
	require.NoError(t, os.WriteFile(g.users, []byte("# nobody\n"), 0o600))
	g.reload()
	all.Wait() // each of them was disconnected, or refused
	require.Eventually(t, func() bool { return g.tree.counters.ClientsConnected.Load() == 0 }, patience, time.Millisecond)
}

// A bridge from another instance of the process is a Client like others.
func TestReloadDisconnectsTheBridgeOfAnInstance(t *testing.T) {
	users := filepath.Join(t.TempDir(), "users")
	set := func(secret string) {
		t.Helper()
		_, err := password.Set(within(t), users, "source", []byte(secret))
		require.NoError(t, err)
	}
	set("secret")
	sink := startWith(t, func(c *configs.Config) { c.Name, c.Auth.PasswordFile = "sink", users })
	up := mirror("instance://source:secret@sink")
	source := startWith(t, func(c *configs.Config) { c.Name, c.Bridges = "source", []configs.Bridge{up} },
		WithDialer(func(ctx context.Context, _ string) (net.Conn, error) { return sink.Dial(ctx) }))
	connected(t, source, "up", "instance://sink")
	set("other")
	_, err := sink.Reload(within(t), sink.Config())
	require.NoError(t, err)
	isBridge(t, source, "up", func(s BridgeStatus) bool { return strings.Contains(s.Error, "bad User Name or Password") })
	require.EqualValues(t, 1, sink.tree.counters.ClientsRevoked.Load())
	set("secret")
	_, err = sink.Reload(within(t), sink.Config())
	require.NoError(t, err)
	connected(t, source, "up", "instance://sink")
}

// A rule about connecting keeps the Session of one user from another, and ends with
// a reload what it does not allow any more.
func TestRulesSayWhoseAClientIdentifierIs(t *testing.T) {
	g := guard(t, everything+"- {permission: allow, actions: connect, clients: '${username}:*'}\n")
	g.password("bob", "secret")
	g.reload()
	first := g.ann("ann:1")
	first.subscribe(packet.QoS1, "a")
	first.leave()
	bob, code := g.come("bob:1", "bob", "secret")
	require.Equal(t, packet.Success, code)
	bob.publish(packet.QoS1, "a", "hers")
	_, code = g.come("ann:1", "bob", "secret")
	require.Equal(t, packet.NotAuthorized, code)
	g.log.await(t, 1, "client refused", "client", "ann:1", "username", "bob",
		"error", "not authorized: no rule allows this user to connect with this client identifier")
	_, code = g.come("", "bob", "secret")
	require.Equal(t, packet.NotAuthorized, code, "auto-* is not allowed")
	again := g.ann("ann:1")
	again.gets("hers")

	g.write(everything + "- {permission: allow, actions: connect, users: bob}\n")
	g.reload()
	require.Equal(t, packet.AdministrativeAction, again.gone().Code)
	bob.ping()
	_, code = g.come("", "bob", "secret")
	require.Equal(t, packet.Success, code)
	require.EqualValues(t, 1, g.log.await(t, 1, "clients were disconnected that are not let in any more").fields["clients"])
}
