// Tenants serves several customers from one process. Each has a broker of its
// own: address, users and their rights, limits and data directory. What one does,
// publishes or breaks is nothing to another; one can be stopped while the others go on.
//
//	go run ./examples/tenants -tenants examples/tenants/tenants.json -data /tmp/tenants &
//	mosquitto_sub -p 1884 -u operator -P hunter2 -t '#' -v &
//	mosquitto_pub -p 1884 -u pump -P 12345 -t pump/pressure -m 3.1
//	curl http://127.0.0.1:8080/tenants
//	curl -X POST http://127.0.0.1:8080/tenants/acme/stop
package main

import (
	"context"
	"encoding/json"
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
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/instances"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	file := flag.String("tenants", "tenants.json", "the tenants")
	dir := flag.String("data", "", "directory below which each tenant has its own; empty: nothing is kept")
	web := flag.String("http", "127.0.0.1:8080", "address for the operator of this service")
	flag.Parse()
	if err := run(ctx, *file, *dir, *web, func(net.Addr) {}); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx is done, or until no tenant runs any more over a failure.
// listening is told the address of the HTTP server.
func run(ctx context.Context, file, dir, web string, listening func(net.Addr)) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var tenants []tenant
	if err := json.Unmarshal(text, &tenants); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	logger, err := zap.NewProduction()
	if err != nil {
		return err
	}
	byName, all := make(map[string]tenant), []configs.Instance{}
	for _, t := range tenants {
		byName[t.Name] = t
		all = append(all, configs.Instance{Config: t.config(dir)})
	}
	supervisor, err := instances.New(instances.Options{
		Log: logger,
		Broker: func(c configs.Config) []troupe.Option { // asked for each start
			users := byName[c.Name].Users
			return []troupe.Option{troupe.WithAuthenticator(users), troupe.WithAuthorizer(users)}
		},
	})
	if err != nil {
		return err
	}
	last := func() error {
		limit, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return supervisor.Shutdown(limit)
	}
	// What two tenants both want, or somebody else has, is found before anything is opened.
	if err := supervisor.Launch(ctx, all...); err != nil {
		return errors.Join(err, last())
	}
	socket, err := net.Listen("tcp", web)
	if err != nil {
		return errors.Join(err, last())
	}
	server := &http.Server{Handler: operator(supervisor), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(socket) }()
	listening(socket.Addr())
	select {
	case <-ctx.Done():
		err = nil
	case <-supervisor.Done():
		err = supervisor.Err()
	case err = <-served:
	}
	return errors.Join(err, server.Close(), last())
}

// operator is what the operator of the service sees of the tenants.
func operator(all troupe.Instances) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /tenants", func(w http.ResponseWriter, r *http.Request) {
		list, err := all.List(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(list)
	})
	order := func(do func(ctx context.Context, name string) error) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			switch err := do(r.Context(), r.PathValue("name")); {
			case errors.Is(err, troupe.ErrNoInstance):
				http.Error(w, err.Error(), http.StatusNotFound)
			case err != nil:
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
			default:
				w.WriteHeader(http.StatusNoContent)
			}
		}
	}
	mux.HandleFunc("POST /tenants/{name}/start", order(all.Start))
	mux.HandleFunc("POST /tenants/{name}/stop", order(all.Stop))
	return mux
}
