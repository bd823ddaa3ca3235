// Command mochi runs the broker mochi-mqtt as a peer to measure against: anonymous, on one TCP listener, with bounds so wide that
// it does not drop where others do not, and without persistence, or with its Badger hook.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	badgerdb "github.com/dgraph-io/badger/v4"
	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/hooks/storage/badger"
	"github.com/mochi-mqtt/server/v2/listeners"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "mochi:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("mochi", flag.ContinueOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", "127.0.0.1:1883", "address to listen on")
	pending := flags.Int("writes-pending", 16384, "packets that wait for one client, above which it drops them")
	data := flags.String("data", "", "directory for its Badger hook; empty: without persistence")
	synced := flags.Bool("sync", false, "with -data: each write of the hook is synced to the disk (SyncWrites)")
	version := flags.Bool("version", false, "print the version of mochi-mqtt and end")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *version {
		fmt.Fprintln(stdout, "mochi-mqtt", release())
		return nil
	}
	if *pending < 1 || *pending > math.MaxInt32 {
		return fmt.Errorf("-writes-pending %d: allowed are 1 to %d", *pending, math.MaxInt32)
	}
	if *synced && *data == "" {
		return errors.New("-sync is about what -data keeps, and there is no -data")
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)

	capabilities := mqtt.NewDefaultServerCapabilities()
	capabilities.MaximumClientWritesPending = int32(*pending) // a channel of that size for each client
	capabilities.ReceiveMaximum = math.MaxUint16
	capabilities.MaximumInflight = math.MaxUint16
	server := mqtt.New(&mqtt.Options{
		Capabilities: capabilities,
		Logger:       slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err := server.AddHook(new(auth.AllowHook), nil); err != nil {
		return err
	}
	if *data != "" {
		options := badgerdb.DefaultOptions(*data).WithSyncWrites(*synced)
		if err := server.AddHook(new(badger.Hook), &badger.Options{Options: &options}); err != nil {
			return fmt.Errorf("-data %s: %w", *data, err)
		}
	}
	if err := server.AddListener(listeners.NewTCP(listeners.Config{ID: "tcp", Address: *listen})); err != nil {
		return err
	}
	if err := server.Serve(); err != nil {
		return err
	}
	<-signals
	return server.Close()
}

// release is the version of mochi-mqtt that this was built with.
func release() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/mochi-mqtt/server/v2" {
			return m.Version
		}
	}
	return "unknown"
}
