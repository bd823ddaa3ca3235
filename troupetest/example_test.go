package troupetest_test

import (
	"context"
	"fmt"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/troupetest"
)

// t stands for the *testing.T of a test, which an example does not have.
type stand struct{ cleanups []func() }

func (*stand) Helper()                           {}
func (s *stand) Cleanup(f func())                { s.cleanups = append(s.cleanups, f) }
func (*stand) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (s *stand) end() {
	for i := len(s.cleanups) - 1; i >= 0; i-- {
		s.cleanups[i]()
	}
}

// thermometer is the code under test: a Client that publishes what it measures.
type thermometer struct{ mqtt.Client }

func newThermometer(broker string) thermometer {
	t := thermometerOf(broker)
	t.Connect().Wait()
	return t
}

func thermometerOf(broker string) thermometer {
	options := mqtt.NewClientOptions().AddBroker(broker).SetClientID("thermometer").
		SetConnectRetry(true).SetConnectRetryInterval(10 * time.Millisecond).SetMaxReconnectInterval(10 * time.Millisecond)
	return thermometer{mqtt.NewClient(options)}
}

func (t thermometer) measure(celsius float64) mqtt.Token {
	return t.Publish("sensors/kitchen/temperature", 1, true, fmt.Sprint(celsius))
}

func Example() {
	t := new(stand) // in a test it is t *testing.T
	defer t.end()

	b := troupetest.Start(t)
	thermometer := newThermometer("tcp://" + b.Addr())
	defer thermometer.Disconnect(250)
	thermometer.measure(21.5)

	m := b.Wait(t, "sensors/+/temperature", 1)[0]
	fmt.Println(m.Client, m.Topic, string(m.Payload), m.QoS, m.Retain)
	// Output: thermometer sensors/kitchen/temperature 21.5 1 true
}

// The broker takes the options of package troupe.
func ExampleStart() {
	t := new(stand)
	defer t.end()
	b := troupetest.Start(t, troupe.WithAuthenticator(troupe.AuthenticatorFunc(func(_ context.Context, c troupe.Client) error {
		if c.Username == "ada" && string(c.Password) == "s3cret" {
			return nil
		}
		return troupe.ErrUnknownClient
	})))

	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + b.Addr()).SetClientID("c").SetUsername("ada").SetPassword("wrong"))
	token := c.Connect()
	token.Wait()
	fmt.Println(token.Error())
	// Output: bad user name or password
}

// The code under test receives: wait for its Subscription, then publish.
func ExampleBroker_WaitSubscribed() {
	t := new(stand)
	defer t.end()
	b := troupetest.Start(t)
	lamp := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + b.Addr()).SetClientID("lamp"))
	lamp.Connect().Wait()
	defer lamp.Disconnect(250)
	switched := make(chan string)
	go lamp.Subscribe("lamps/1/set", 1, func(_ mqtt.Client, m mqtt.Message) { switched <- string(m.Payload()) })

	b.WaitSubscribed(t, "lamp", "lamps/1/set")
	b.Publish(t, troupe.Message{Topic: "lamps/1/set", Payload: []byte("on"), QoS: troupe.AtLeastOnce})
	fmt.Println(<-switched)
	// Output: on
}

// A connection is cut, the Client comes back.
func ExampleBroker_Cut() {
	t := new(stand)
	defer t.end()
	b := troupetest.Start(t)
	thermometer := newThermometer("tcp://" + b.Addr())
	defer thermometer.Disconnect(250)
	b.WaitConnected(t, "thermometer")

	end := b.Answer(packet.ServerUnavailable) // to those that come back
	b.Cut("thermometer")
	b.WaitDisconnected(t, "thermometer")
	end()
	b.WaitConnected(t, "thermometer")
	fmt.Println("is back")
	// Output: is back
}

// A broker that is there and says nothing.
func ExampleBroker_Freeze() {
	t := new(stand)
	defer t.end()
	b := troupetest.Start(t)
	thermometer := newThermometer("tcp://" + b.Addr())
	defer thermometer.Disconnect(250)

	thaw := b.Freeze("thermometer")
	token := thermometer.measure(20)
	select {
	case <-token.Done():
		fmt.Println("acknowledged by nobody")
	default:
		fmt.Println("waits")
	}
	thaw()
	token.Wait()
	fmt.Println("acknowledged")
	// Output:
	// waits
	// acknowledged
}

// The broker's machine loses power and comes back, with what it had acknowledged.
func ExampleBroker_Kill() {
	t := new(stand)
	defer t.end()
	b := troupetest.Start(t)
	thermometer := newThermometer("tcp://" + b.Addr())
	defer thermometer.Disconnect(250)
	thermometer.measure(19).Wait()

	b.Kill(t)
	b.Restart(t)
	b.WaitConnected(t, "thermometer")
	kept := make(chan *troupe.Message)
	if _, err := b.Broker().SubscribeChan(context.Background(), "#", troupe.AtLeastOnce, kept); err != nil {
		panic(err)
	}
	fmt.Println(string((<-kept).Payload))
	// Output: 19
}

// One packet is held until the test has seen what happens without it.
func ExampleBroker_Intercept() {
	t := new(stand)
	defer t.end()
	b := troupetest.Start(t)
	release := make(chan struct{})
	end := b.Intercept(func(p troupetest.Packet) troupetest.Verdict {
		if p.Type == packet.TypeConnack {
			return troupetest.Verdict{Hold: release}
		}
		return troupetest.Verdict{}
	})
	defer end()

	thermometer := thermometerOf("tcp://" + b.Addr())
	thermometer.Connect()
	defer thermometer.Disconnect(250)
	fmt.Println(thermometer.IsConnectionOpen(), len(b.Clients()))
	close(release)
	b.WaitConnected(t, "thermometer")
	// Output: false 0
}
