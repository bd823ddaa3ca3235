package troupe_test

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/topic"
)

// connect connects a Client of another library.
func connect(broker *troupe.Broker, id, username, password string) (mqtt.Client, error) {
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + broker.Addr("tcp").String()).
		SetClientID(id).SetUsername(username).SetPassword(password).SetAutoReconnect(false))
	token := c.Connect()
	token.Wait()
	return c, token.Error()
}

// The program knows who its Clients are.
func ExampleWithAuthenticator() {
	tokens := map[string]string{"ada": "s3cret"} // from a database of the program, say
	authenticate := troupe.AuthenticatorFunc(func(ctx context.Context, c troupe.Client) error {
		token, known := tokens[c.Username]
		switch {
		case !known:
			return troupe.ErrUnknownClient // the next one is asked, if there is one
		case subtle.ConstantTimeCompare([]byte(token), c.Password) != 1:
			return &troupe.Refusal{Code: packet.BadUserNameOrPassword, Reason: "wrong token"}
		}
		return nil
	})
	broker, err := troupe.New(troupe.WithAuthenticator(authenticate), troupe.WithAddress("127.0.0.1:0"), troupe.WithDataDir(""))
	if err != nil {
		panic(err)
	}
	if err := broker.Start(context.Background()); err != nil {
		panic(err)
	}
	defer func() { _ = broker.Shutdown(context.Background()) }()

	client, err := connect(broker, "c1", "ada", "s3cret")
	fmt.Println(err)
	client.Disconnect(250)
	_, err = connect(broker, "c2", "ada", "guessed")
	fmt.Println(err)
	// Output:
	// <nil>
	// bad user name or password
}

// own are the rights of a Client to what is below its own topic.
type own struct{ filter string }

func (o own) MayPublish(name []byte, _ troupe.QoS, _ bool) bool { return topic.Match(o.filter, name) }
func (o own) MaySubscribe(filter string, _ troupe.QoS) bool     { return topic.Covers(o.filter, filter) }

type byName struct{}

func (byName) Permissions(_ context.Context, c troupe.Client) (troupe.Permissions, error) {
	if c.Username == "operator" {
		return nil, nil // may do everything
	}
	return own{c.Username + "/#"}, nil
}

// Each user stays below a topic of its own.
func ExampleWithAuthorizer() {
	broker, stop := started(troupe.WithAddress("127.0.0.1:0"), troupe.WithAuthorizer(byName{}))
	defer stop()
	client, err := connect(broker, "c", "pump", "")
	if err != nil {
		panic(err)
	}
	defer client.Disconnect(250)
	for _, filter := range []string{"pump/#", "valve/#"} {
		token := client.Subscribe(filter, 1, func(mqtt.Client, mqtt.Message) {}).(*mqtt.SubscribeToken)
		token.Wait()
		fmt.Printf("%s 0x%02x\n", filter, token.Result()[filter])
	}
	// Output:
	// pump/# 0x01
	// valve/# 0x80
}

// The program is rid of a Client whose account it has closed.
func ExampleBroker_Disconnect() {
	gone := make(chan string, 1)
	broker, stop := started(troupe.WithAddress("127.0.0.1:0"), troupe.WithHooks(troupe.Hooks{
		Disconnected: func(c troupe.Client, why troupe.Disconnection) { gone <- fmt.Sprintf("%s: %s", c.ID, why.Code) },
	}))
	defer stop()
	if _, err := connect(broker, "pump", "", ""); err != nil {
		panic(err)
	}
	// Its Authenticator knows of it by now, so that the Client cannot come back.
	err := broker.Disconnect(context.Background(), "pump", packet.AdministrativeAction, "the account was closed")
	fmt.Println(err)
	fmt.Println(<-gone)
	err = broker.Disconnect(context.Background(), "pump", packet.AdministrativeAction, "")
	fmt.Println(errors.Is(err, troupe.ErrNoClient))
	// Output:
	// <nil>
	// pump: administrative action
	// true
}

// Hooks see what Clients do, and may change or refuse it.
func ExampleWithHooks() {
	said := make(chan string, 10)
	broker, stop := started(troupe.WithAddress("127.0.0.1:0"), troupe.WithHooks(troupe.Hooks{
		Connected: func(c troupe.Client, present bool) { said <- c.ID + " is here" },
		Publish: func(c troupe.Client, m *troupe.Message) error {
			if len(m.Payload) == 0 {
				return &troupe.Refusal{Code: packet.NotAuthorized, Reason: "nothing is removed here"}
			}
			m.UserProperties = append(m.UserProperties, troupe.UserProperty{Name: "from", Value: c.ID})
			m.Payload = bytes.ToUpper(m.Payload) // a new slice: that of the message is not ours
			return nil
		},
		Disconnected: func(c troupe.Client, why troupe.Disconnection) {
			said <- fmt.Sprint(c.ID, " is gone, lost: ", why.Lost)
		},
	}))
	defer stop()
	got := make(chan *troupe.Message, 10)
	if _, err := broker.SubscribeChan(context.Background(), "#", troupe.AtLeastOnce, got); err != nil {
		panic(err)
	}

	client, err := connect(broker, "pump", "", "")
	if err != nil {
		panic(err)
	}
	fmt.Println(<-said)
	client.Publish("state", 1, true, "").Wait()
	client.Publish("state", 1, true, "running").Wait()
	m := <-got
	fmt.Println(m.Topic, string(m.Payload), m.UserProperties)
	client.Disconnect(250)
	fmt.Println(<-said)
	// Output:
	// pump is here
	// state RUNNING [{from pump}]
	// pump is gone, lost: false
}

// A bridge hands messages on to another broker.
func ExampleWithConfig_bridge() {
	ctx := context.Background()
	upstream, stop := started(troupe.WithAddress("127.0.0.1:0"))
	defer stop()
	arrived := make(chan *troupe.Message)
	if _, err := upstream.SubscribeChan(ctx, "plant7/#", troupe.AtLeastOnce, arrived); err != nil {
		panic(err)
	}

	uplink := configs.NewBridge("uplink", "mqtt://"+upstream.Addr("tcp").String())
	uplink.Forward = []configs.Forward{configs.NewForward("sensors/#", "plant7/sensors/#")}
	c := configs.Defaults()
	c.Name, c.DataDir, c.Listeners = "plant7", "", nil
	c.Bridges = []configs.Bridge{uplink}
	broker, err := troupe.New(troupe.WithConfig(c))
	if err != nil {
		panic(err)
	}
	if err := broker.Start(ctx); err != nil {
		panic(err)
	}
	defer func() { _ = broker.Shutdown(ctx) }()

	_ = broker.Publish(ctx, troupe.Message{Topic: "sensors/1", Payload: []byte("21.5"), QoS: troupe.AtLeastOnce})
	m := <-arrived
	fmt.Println(m.Topic, string(m.Payload))

	c.Bridges = nil // while it runs
	restart, err := broker.Reload(ctx, c)
	bridges, _ := broker.Bridges()
	fmt.Println(restart, err, len(bridges))
	// Output:
	// plant7/sensors/1 21.5
	// [] <nil> 0
}

// keys knows a method of extended authentication: the Client sends a key that was
// made for it. It knows nobody by a password.
type keys map[string]bool

func (keys) Authenticate(context.Context, troupe.Client) error { return troupe.ErrUnknownClient }

func (k keys) Exchange(_ troupe.Client, method string) troupe.AuthExchange {
	if method != "KEY" {
		return nil // the next one is asked
	}
	return func(_ context.Context, data []byte) troupe.AuthResult {
		if k[string(data)] {
			return troupe.AuthResult{Code: packet.Success}
		}
		return troupe.AuthResult{Code: packet.NotAuthorized}
	}
}

// oneStep is a Client that has nothing to add.
type oneStep struct{}

func (oneStep) Authenticate(*paho.Auth) *paho.Auth { return nil }
func (oneStep) Authenticated()                     {}

// A method of extended authentication, which may take several AUTH packets.
func ExampleExchanger() {
	broker, stop := started(troupe.WithAuthenticator(keys{"k1": true}))
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, key := range []string{"k1", "k2"} {
		conn, err := broker.Dial(ctx)
		if err != nil {
			panic(err)
		}
		client := paho.NewClient(paho.ClientConfig{Conn: packets.NewThreadSafeConn(conn), AuthHandler: oneStep{}})
		ack, _ := client.Connect(ctx, &paho.Connect{
			ClientID: "c", KeepAlive: 30, CleanStart: true,
			Properties: &paho.ConnectProperties{AuthMethod: "KEY", AuthData: []byte(key)},
		})
		fmt.Println(troupe.ReasonCode(ack.ReasonCode))
		_ = client.Disconnect(&paho.Disconnect{})
	}
	// Output:
	// success
	// not authorized
}

// Brokers of one process reach one another by their names, without a socket.
func ExampleWithDialer() {
	ctx := context.Background()
	office, stop := started(troupe.WithName("office"))
	defer stop()
	arrived := make(chan *troupe.Message)
	if _, err := office.SubscribeChan(ctx, "#", troupe.AtLeastOnce, arrived); err != nil {
		panic(err)
	}

	brokers := map[string]*troupe.Broker{"office": office}
	bridge := configs.NewBridge("up", "instance://office")
	bridge.Forward = []configs.Forward{configs.NewForward("sensors/#", "plant/sensors/#")}
	plant, stop := started(
		troupe.WithName("plant"),
		troupe.WithSettings(func(c *configs.Config) { c.Bridges = []configs.Bridge{bridge} }),
		troupe.WithDialer(func(ctx context.Context, instance string) (net.Conn, error) {
			broker, ok := brokers[instance]
			if !ok {
				return nil, errors.New("there is none of that name")
			}
			return broker.Dial(ctx)
		}))
	defer stop()

	_ = plant.Publish(ctx, troupe.Message{Topic: "sensors/1", Payload: []byte("21.5"), QoS: troupe.AtLeastOnce})
	m := <-arrived
	fmt.Println(m.Topic, string(m.Payload))
	// Output: plant/sensors/1 21.5
}
