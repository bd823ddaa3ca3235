// Package control is how somebody talks to a running instance: HTTP and JSON,
// described by an OpenAPI document that is made of the types here. It is handed
// what it answers with and knows no broker.
//
//	GET  /v1/storage                          what uses the space, a [Storage]
//	GET  /v1/backup                           a backup, as persistence/backup writes it
//	GET  /v1/bridges                          how the bridges are, a list of [Bridge]
//	POST /v1/bridges/{name}/{action}          asks something of a bridge, see [Order]
//	GET  /v1/instances                        how the instances of the process are, a list of [Instance]
//	GET  /v1/instances/{name}                 how one of them is
//	POST /v1/instances/{name}/{action}        starts, stops or reloads one, see [Instances]
//	POST /v1/instances                        adds those of a configuration file
//	GET  /metrics                             what the instances count, for Prometheus
//	GET  /openapi.json, /openapi.yaml         the document
//	GET  /                                    a page for people, see [Page]
//
// Who cannot be answered gets a [Problem].
//
// An [API] is a handler that can be mounted anywhere. A [Server] has it answer in
// a data directory, for the user of the process alone: at a Unix socket, or where there
// are none at a port on loopback, with a token. A [Client] finds either.
package control

import (
	"context"
	"io"
	"net/http"

	"go.uber.org/zap"
)

// Handlers are what an API answers with. They are called on goroutines of
// their own, several at a time, and have to end soon after their context does.
// What is nil is answered with 404.
type Handlers struct {
	// Name of the instance that answers. When it is stopped by way of Instances, the
	// answer comes first.
	Name string
	// Version of the program, for the document.
	Version string
	// Storage tells what uses the space. An [ErrUnknown]: there is nothing that is kept.
	Storage func(ctx context.Context) (Storage, error)
	// Backup writes a backup to w, which fails once nobody reads it any more. An
	// [ErrUnknown], before the first byte: there is nothing that is kept.
	Backup func(ctx context.Context, w io.Writer) error
	// Bridges tells how the bridges are.
	Bridges func(ctx context.Context) ([]Bridge, error)
	// Order does what is asked of a bridge. An [ErrUnknown]: there is no such bridge,
	// upstream or action.
	Order func(ctx context.Context, o Order) error
	// Instances of the process.
	Instances Instances
	// Metrics tells Prometheus what all of them count.
	Metrics http.Handler
	// Other finds the API of another instance of the process. An [ErrNoInstance]: there is none
	// of that name; another error: it does not run.
	Other func(name string) (*API, error)
	// Page shows people what there is.
	Page Page
	// Log gets what went wrong on the way to an answer. Nil: nothing is logged.
	Log *zap.Logger
}
