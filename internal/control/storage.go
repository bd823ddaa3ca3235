package control

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/troupemq/troupe/persistence"
)

// Storage is what an instance uses of the disk, and for what.
type Storage struct {
	Instance   string  `json:"instance" example:"edge" doc:"Name of the instance."`
	Version    string  `json:"version" doc:"Version of troupe."`
	Running    bool    `json:"running" doc:"Always true here; troupe storage --json says false of a directory whose instance does not run."`
	DataDir    string  `json:"data_dir" example:"/var/lib/troupe/edge" doc:"Absolute path of the data directory; empty if there is none."`
	Durability string  `json:"durability" example:"disk" doc:"What an acknowledgement is worth: memory, process or disk, as configured."`
	Trouble    string  `json:"trouble,omitempty" doc:"Why nothing is written at present; missing if all is well."`
	Usage      Usage   `json:"usage" doc:"What the store says."`
	Counts     *Counts `json:"counts,omitempty" doc:"What the instance says; missing if it does not run."`
}

// Usage is what a store uses. Parts are in the order of their keys.
type Usage struct {
	Disk   int64  `json:"disk_bytes" doc:"Bytes on disk, of all files."`
	Free   int64  `json:"free_bytes" doc:"Bytes left on the device; -1: not known."`
	Memory int64  `json:"memory_bytes" doc:"Bytes in the memory of the process, about."`
	Parts  []Part `json:"parts" nullable:"false" doc:"What it is for."`
}

// Part is what one part of a store uses, as it was written: not of the files.
type Part struct {
	Name  string `json:"name" example:"retained" doc:"What is kept there."`
	Keys  int64  `json:"keys" doc:"Entries."`
	Bytes int64  `json:"bytes" doc:"Bytes of keys and values, as they were written: files also hold what is out of date."`
}

// Counts are what an instance has now.
type Counts struct {
	Sessions         int64 `json:"sessions" doc:"Sessions, connected or not."`
	Connected        int64 `json:"connected" doc:"Of them, those whose Client is connected."`
	Subscriptions    int64 `json:"subscriptions" doc:"Subscriptions of all Sessions."`
	QueuedMessages   int64 `json:"queued_messages" doc:"Messages that wait in Sessions."`
	QueuedBytes      int64 `json:"queued_bytes" doc:"Bytes of them."`
	RetainedMessages int64 `json:"retained_messages" doc:"Retained Messages."`
	RetainedBytes    int64 `json:"retained_bytes" doc:"Bytes of them."`
}

// UsageOf is the answer that a store's own Usage makes.
func UsageOf(u persistence.Usage) Usage {
	keys := make([]persistence.Part, 0, len(u.Parts))
	for part := range u.Parts {
		keys = append(keys, part)
	}
	slices.SortFunc(keys, func(a, b persistence.Part) int { return cmp.Compare(a, b) })
	parts := make([]Part, len(keys))
	for i, part := range keys {
		parts[i] = Part{part.String(), u.Parts[part].Keys, u.Parts[part].Bytes}
	}
	return Usage{Disk: u.Disk, Free: u.Free, Memory: u.Memory, Parts: parts}
}

func storageRoutes(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "storage", Method: http.MethodGet, Path: "/v1/storage", Tags: []string{"storage"},
		Summary:     "Say what uses the space",
		Description: "How much the instance has on disk and in memory, and what it is.",
		Errors:      []int{http.StatusNotFound, http.StatusServiceUnavailable},
	}, of((*API).storage))
}

func (a *API) storage(ctx context.Context, in *ofInstance) (*body[Storage], error) {
	s, err := a.Storage(ctx, in.Instance)
	return &body[Storage]{s}, err
}

// Storage asks what uses the space.
func (c *Client) Storage(ctx context.Context) (s Storage, err error) {
	return s, c.ask(ctx, http.MethodGet, "/v1/storage", nil, &s)
}
