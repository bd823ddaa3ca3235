package admin

import (
	"cmp"
	"context"
	"net/url"
	"slices"

	"github.com/troupemq/troupe/internal/control"
)

// space is what uses the space of an instance.
type space struct {
	control.Storage
	Link  string // of the page itself
	Back  string // of the instance
	Parts []part // the largest first
}

type part struct {
	control.Part
	Percent int // of all parts
}

// measure has the view show what uses the space of an instance. All that is kept
// is read for that, so it is not asked for again and again.
func (v *view) measure(ctx context.Context, a *control.API, name string) {
	v.Title = "Storage of " + name + " · TroupeMQ"
	s, err := a.Storage(ctx, name)
	if err != nil {
		v.fail(err)
		return
	}
	v.Space = &space{Storage: s, Link: "?storage=" + url.QueryEscape(name), Back: "?instance=" + url.QueryEscape(name)}
	slices.SortStableFunc(s.Usage.Parts, func(a, b control.Part) int { return cmp.Compare(b.Bytes, a.Bytes) })
	var total int64
	for _, p := range s.Usage.Parts {
		total += p.Bytes
	}
	for _, p := range s.Usage.Parts {
		v.Space.Parts = append(v.Space.Parts, part{p, int(100 * p.Bytes / max(1, total))})
	}
}
