// Readings is an HTTP service that embeds a broker: sensors publish over MQTT, TCP
// or WebSocket, and web pages read over HTTP, from one process and without a
// client library in between.
//
//	POST /readings/{sensor}          publishes the body, which is kept as the latest
//	GET  /readings                   the latest reading of each sensor, as JSON
//	GET  /readings/{sensor}/events   what comes from now on, as server-sent events; + for every sensor
//	GET  /mqtt                       MQTT over WebSocket
//	     /broker/                    the control endpoint of the broker, with a token
//
// Sensors publish to readings/<sensor>. Try it with
//
//	go run ./examples/readings -token secret &
//	curl -N http://127.0.0.1:8080/readings/+/events &
//	mosquitto_pub -t readings/kitchen -m 21.5 -r
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"go.uber.org/zap"

	"github.com/troupemq/troupe"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	settings := settings{}
	flag.StringVar(&settings.web, "http", "127.0.0.1:8080", "address of the HTTP server")
	flag.StringVar(&settings.mqtt, "mqtt", "127.0.0.1:1883", "address for sensors")
	flag.StringVar(&settings.dir, "data", "", "directory for what must survive a restart; empty: nothing does")
	flag.StringVar(&settings.token, "token", "", "what administrators have to send as bearer token; empty: there are none")
	flag.Parse()
	if err := run(ctx, settings, func(string, net.Addr) {}); err != nil {
		log.Fatal(err)
	}
}

type settings struct{ web, mqtt, dir, token string }

// run serves until ctx is done. listening is told the addresses.
func run(ctx context.Context, s settings, listening func(web string, mqtt net.Addr)) error {
	logger, err := zap.NewProduction()
	if err != nil {
		return err
	}
	broker, err := troupe.New(
		troupe.WithName("readings"), troupe.WithAddress(s.mqtt), troupe.WithDataDir(s.dir), troupe.WithLogger(logger),
	)
	if err != nil {
		return err
	}
	if err := broker.Start(ctx); err != nil {
		return err
	}
	service, err := newService(ctx, broker, s.token)
	if err != nil {
		return errors.Join(err, broker.Shutdown(context.Background()))
	}
	socket, err := net.Listen("tcp", s.web)
	if err != nil {
		return errors.Join(err, broker.Shutdown(context.Background()))
	}
	server := &http.Server{Handler: service, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	served := make(chan error, 1)
	go func() { served <- server.Serve(socket) }()
	listening(socket.Addr().String(), broker.Addr("tcp"))

	select {
	case <-ctx.Done():
		err = nil
	case <-broker.Done(): // it failed by itself
		err = fmt.Errorf("the broker has ended: %w", broker.Err())
	case err = <-served:
	}
	// First those who use the broker, then the broker.
	last, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, server.Shutdown(last), broker.Shutdown(last))
}
