package troupe_test

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/persistence/memory"
)

// Clients of WebSockets and administrators come through the program's HTTP server. A
// browser that opens /broker/ asks for a password and shows a page.
func ExampleBroker_WebSocketHandler() {
	broker, stop := started()
	defer stop()

	mux := http.NewServeMux()
	mux.Handle("/mqtt", broker.WebSocketHandler(troupe.ServeOptions{Anonymous: true}))
	admin := http.StripPrefix("/broker", broker.AdminHandler())
	mux.HandleFunc("/broker/", func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		if subtle.ConstantTimeCompare([]byte(password), []byte("s3cret")) != 1 { // the handler itself lets in everybody
			w.Header().Set("WWW-Authenticate", `Basic realm="broker"`)
			http.Error(w, "administrators only", http.StatusUnauthorized)
			return
		}
		admin.ServeHTTP(w, r)
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("ws://" + server.Listener.Addr().String() + "/mqtt"))
	token := client.Connect()
	token.Wait()
	fmt.Println(token.Error())
	client.Disconnect(250)

	for _, password := range []string{"guess", "s3cret"} {
		request, _ := http.NewRequest(http.MethodGet, server.URL+"/broker/", nil)
		request.SetBasicAuth("admin", password)
		request.Header.Set("Accept", "text/html")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			panic(err)
		}
		_ = response.Body.Close()
		fmt.Println(response.Status, response.Header.Get("Content-Type"))
	}
	// Output:
	// <nil>
	// 401 Unauthorized text/plain; charset=utf-8
	// 200 OK text/html; charset=utf-8
}

// A listener of the program: here a Unix socket.
func ExampleWithListener() {
	dir, err := os.MkdirTemp("", "troupe")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	socket, err := net.Listen("unix", filepath.Join(dir, "mqtt"))
	if err != nil {
		panic(err)
	}
	broker, stop := started(troupe.WithListener("unix", socket, true)) // true: without credentials
	defer stop()

	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("unix://" + broker.Addr("unix").String()))
	token := client.Connect()
	token.Wait()
	fmt.Println(token.Error())
	client.Disconnect(250)
	// Output: <nil>
}

// A client library talks to the broker without a socket.
func ExampleBroker_Dial() {
	broker, stop := started()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()

	conn, err := broker.Dial(ctx)
	if err != nil {
		panic(err)
	}
	client := paho.NewClient(paho.ClientConfig{Conn: packets.NewThreadSafeConn(conn)})
	ack, err := client.Connect(ctx, &paho.Connect{ClientID: "inside", KeepAlive: 30, CleanStart: true})
	fmt.Println(ack.ReasonCode, err)
	_ = client.Disconnect(&paho.Disconnect{})
	// Output: 0 <nil>
}

// A connection that the program accepted itself, over a transport of its own, say.
func ExampleBroker_Serve() {
	broker, stop := started()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()

	ours, theirs := net.Pipe()
	if err := broker.Serve(theirs, troupe.ServeOptions{Name: "pipe", Anonymous: true}); err != nil {
		panic(err)
	}
	client := paho.NewClient(paho.ClientConfig{Conn: packets.NewThreadSafeConn(ours)})
	ack, err := client.Connect(ctx, &paho.Connect{ClientID: "c", KeepAlive: 30, CleanStart: true})
	fmt.Println(ack.ReasonCode, err)
	_ = client.Disconnect(&paho.Disconnect{})
	// Output: 0 <nil>
}

// What is kept is in a store of the program, and outlives the broker.
func ExampleWithStore() {
	store := memory.New()
	defer func() { _ = store.Close() }()
	ctx := context.Background()

	first, stop := started(troupe.WithStore(store))
	_ = first.Publish(ctx, troupe.Message{Topic: "state", Payload: []byte("on"), QoS: troupe.AtLeastOnce, Retain: true})
	stop()

	second, stop := started(troupe.WithStore(store))
	defer stop()
	kept := make(chan *troupe.Message)
	if _, err := second.SubscribeChan(ctx, "state", troupe.AtLeastOnce, kept); err != nil {
		panic(err)
	}
	m := <-kept
	fmt.Println(string(m.Payload), m.Retain)
	// Output: on true
}

// A program reads the file that operators know.
func ExampleWithConfig() {
	dir, err := os.MkdirTemp("", "troupe")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "broker.yaml")
	if err := os.WriteFile(file, []byte("name: edge\ndata_dir: \"\"\nlisteners:\n  - {name: tcp, address: \"127.0.0.1:0\"}\nsession:\n  queue: {max_messages: 1000}\n"), 0o600); err != nil {
		panic(err)
	}

	c, _, err := configs.Load(configs.Inputs{File: file, Environ: os.Environ()})
	if err != nil { // each thing that is wrong, with its line
		panic(err)
	}
	c.Limits.MaxConnections = 100 // what the program knows better
	broker, err := troupe.New(troupe.WithConfig(c))
	if err != nil {
		panic(err)
	}
	fmt.Println(broker.Config().Name, broker.Config().Session.Queue.MaxMessages)

	c.Limits.ReceiveMaximum = 0
	_, err = troupe.New(troupe.WithConfig(c))
	fmt.Println(err)
	// Output:
	// edge 1000
	// limits.receive_maximum: 0 is not allowed; allowed: 1 to 65535
}

// A service runs until it is told to end, or until its broker cannot go on.
func ExampleBroker_Shutdown() {
	serve := func(ctx context.Context) error {
		broker, err := troupe.New(troupe.WithAddress("127.0.0.1:0"), troupe.WithDataDir(""))
		if err != nil {
			return err
		}
		if err := broker.Start(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-broker.Done(): // a part failed that it cannot do without: Err says which
			return broker.Err()
		}
		last, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return broker.Shutdown(last)
	}

	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- serve(ctx) }()
	cancel()
	if err := <-ended; err == nil || errors.Is(err, context.Canceled) {
		fmt.Println("ended")
	}
	// Output: ended
}
