package control

import (
	"cmp"
	"slices"

	"github.com/troupemq/troupe/persistence"
)

// Storage is what an instance uses of the disk, and for what.
type Storage struct {
	Instance   string  `json:"instance"`          // its name
	Version    string  `json:"version"`           // of troupe
	Running    bool    `json:"running"`           // false: read from the directory of an instance that does not run
	DataDir    string  `json:"data_dir"`          // absolute
	Durability string  `json:"durability"`        // as configured
	Trouble    string  `json:"trouble,omitempty"` // why nothing is written at present; empty: all is well
	Usage      Usage   `json:"usage"`             // what the store says
	Counts     *Counts `json:"counts,omitempty"`  // what the instance says; missing if it does not run
}

// Usage is what a store uses. Parts are in the order of their keys.
type Usage struct {
	Disk   int64  `json:"disk_bytes"`   // of all files
	Free   int64  `json:"free_bytes"`   // left on the device, -1: not known
	Memory int64  `json:"memory_bytes"` // in the process, about
	Parts  []Part `json:"parts"`
}

// Part is what one part of a store uses, as it was written: not of the files.
type Part struct {
	Name  string `json:"name"`
	Keys  int64  `json:"keys"`
	Bytes int64  `json:"bytes"` // of keys and values
}

// Counts are what an instance has now.
type Counts struct {
	Sessions         int64 `json:"sessions"`  // connected or not
	Connected        int64 `json:"connected"` // of them, those whose Client is connected
	Subscriptions    int64 `json:"subscriptions"`
	QueuedMessages   int64 `json:"queued_messages"`
	QueuedBytes      int64 `json:"queued_bytes"`
	RetainedMessages int64 `json:"retained_messages"`
	RetainedBytes    int64 `json:"retained_bytes"`
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

// Problem is why there is no other answer, in the form of RFC 9457.
type Problem struct {
	Status int    `json:"status"` // of HTTP
	Title  string `json:"title"`
	Detail string `json:"detail,omitempty"`
}

// Error is the detail.
func (p *Problem) Error() string { return cmp.Or(p.Detail, p.Title) }
