package troupe

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/protocol/packet"
)

func TestAnonymousOnlyWhereAllowed(t *testing.T) {
	strict, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := start(t, WithListener("strict", strict, false))
	conn, err := net.Dial("tcp", strict.Addr().String())
	require.NoError(t, err)
	c := &client{t: t, conn: conn, in: bufio.NewReader(conn)}
	require.Equal(t, packet.NotAuthorized, c.enter(durable("c")).Code)
	c.gone()
	_ = conn.Close()
	connect(t, b, "c").ping()
	require.EqualValues(t, 1, b.tree.counters.ConnectionsRefused.Load())
}

func TestAuthenticationByPassword(t *testing.T) {
	type asked struct {
		client   Client
		password string
	}
	questions := make(chan asked, 8)
	strict, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	allowed := WithSettings(func(c *configs.Config) { yes := true; c.Listeners[0].AllowAnonymous = &yes })
	b := start(t, allowed, WithListener("strict", strict, false), WithAuthenticator(AuthenticatorFunc(func(_ context.Context, c Client) error {
		questions <- asked{c, string(c.Password)}
		switch {
		case c.Username == "ann" && string(c.Password) == "secret":
			return nil
		case c.Username == "eve":
			return &Refusal{Code: packet.Banned}
		}
		return ErrUnknownClient
	})))
	try := func(id, user, password string) packet.ReasonCode {
		conn, err := net.Dial("tcp", strict.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		c := &client{t: t, conn: conn, in: bufio.NewReader(conn)}
		p := durable(id)
		if user != "" {
			p.Username, p.Password = []byte(user), []byte(password)
		}
		code := c.enter(p).Code
		if code == packet.Success {
			c.ping()
		} else {
			c.gone()
		}
		q := wait(t, questions, "nobody was asked")
		require.Equal(t, id, q.client.ID)
		require.Equal(t, user, q.client.Username)
		require.Equal(t, password, q.password)
		require.Equal(t, "strict", q.client.Listener)
		require.Equal(t, packet.V5, q.client.Version)
		require.Equal(t, conn.LocalAddr().String(), q.client.Address)
		return code
	}
	require.Equal(t, packet.Success, try("a", "ann", "secret"))
	require.Equal(t, packet.BadUserNameOrPassword, try("b", "ann", "wrong"))
	require.Equal(t, packet.Banned, try("c", "eve", "secret"))
	require.Equal(t, packet.NotAuthorized, try("d", "", ""))
	// Nobody said so of this listener, but that there is an Authenticator says enough.
	require.False(t, b.Anonymous(configs.Listener{Address: "127.0.0.1:0"}))
	// Where anonymous Clients may come in, they are not asked; who has a name is.
	connect(t, b, "anonymous").ping()
	require.Empty(t, questions)
	named := durable("e")
	named.Username, named.Password = []byte("ann"), []byte("wrong")
	conn := dial(t, b)
	c := &client{t: t, conn: conn, in: bufio.NewReader(conn)}
	require.Equal(t, packet.BadUserNameOrPassword, c.enter(named).Code)
}

// countdown is an authentication method of three steps: the Client has to
// answer 2, 1 and 0 with themselves.
type countdown chan<- string

func (countdown) Authenticate(context.Context, Client) error { return ErrUnknownClient }

func (step countdown) Exchange(_ Client, method string) AuthExchange {
	if method != "countdown" {
		return nil
	}
	next := 2
	return func(_ context.Context, data []byte) AuthResult {
		step <- string(data)
		switch {
		case string(data) != fmt.Sprint(next):
			return AuthResult{Code: packet.NotAuthorized, Reason: "wrong number"}
		case next == 0:
			return AuthResult{Code: packet.Success, Data: []byte("welcome")}
		}
		next--
		return AuthResult{Code: packet.ContinueAuthentication, Data: fmt.Append(nil, next)}
	}
}

func (c *client) auth(code packet.ReasonCode, data string) {
	c.t.Helper()
	p := packet.Auth{Code: code, AuthMethod: []byte("countdown"), AuthData: []byte(data)}
	c.write(p.Append(nil, packet.V5))
}

func (c *client) asked(code packet.ReasonCode, data string) {
	c.t.Helper()
	var p packet.Auth
	require.NoError(c.t, p.Decode(c.expect(packet.TypeAuth), packet.V5))
	require.Equal(c.t, code, p.Code)
	require.Equal(c.t, "countdown", string(p.AuthMethod))
	require.Equal(c.t, data, string(p.AuthData))
}

func TestExtendedAuthentication(t *testing.T) {
	steps := make(chan string, 16)
	b := start(t, WithAuthenticator(countdown(steps)))
	enter := func(id, data string) *client {
		p := durable(id)
		p.AuthMethod, p.AuthData = []byte("countdown"), []byte(data)
		conn := dial(t, b)
		c := &client{t: t, conn: conn, in: bufio.NewReader(conn)}
		c.write(p.Append(nil))
		return c
	}
	connack := func(c *client) (p packet.Connack) {
		require.NoError(t, p.Decode(c.expect(packet.TypeConnack), packet.V5))
		return p
	}
	c := enter("c", "2")
	c.asked(packet.ContinueAuthentication, "1")
	c.auth(packet.ContinueAuthentication, "1")
	c.asked(packet.ContinueAuthentication, "0")
	c.auth(packet.ContinueAuthentication, "0")
	ack := connack(c)
	require.Equal(t, packet.Success, ack.Code)
	require.Equal(t, "countdown", string(ack.AuthMethod))
	require.Equal(t, "welcome", string(ack.AuthData))

	// Once more over the same connection, with traffic in between.
	c.subscribe(packet.QoS1, "a")
	c.auth(packet.Reauthenticate, "2")
	c.asked(packet.ContinueAuthentication, "1")
	publish(t, b, "a", "in between")
	c.gets("in between")
	c.auth(packet.ContinueAuthentication, "1")
	c.asked(packet.ContinueAuthentication, "0")
	c.auth(packet.ContinueAuthentication, "0")
	c.asked(packet.Success, "welcome")
	c.ping()
	require.Len(t, steps, 6)

	// A wrong answer ends the connection, then and at the start.
	c.auth(packet.Reauthenticate, "3")
	bye := c.gone()
	require.NotNil(t, bye)
	require.Equal(t, packet.NotAuthorized, bye.Code)
	wrong := enter("wrong", "2")
	wrong.asked(packet.ContinueAuthentication, "1")
	wrong.auth(packet.ContinueAuthentication, "7")
	refused := connack(wrong)
	require.Equal(t, packet.NotAuthorized, refused.Code)
	wrong.gone()

	unknown := durable("unknown")
	unknown.AuthMethod = []byte("guesswork")
	conn := dial(t, b)
	u := &client{t: t, conn: conn, in: bufio.NewReader(conn)}
	require.Equal(t, packet.BadAuthenticationMethod, u.enter(unknown).Code)
	u.gone()
}
