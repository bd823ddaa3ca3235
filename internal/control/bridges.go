package control

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Bridge is how a bridge is.
type Bridge struct {
	Name      string     `json:"name" example:"uplink" doc:"Name of the bridge, as configured."`
	State     string     `json:"state" example:"connected" doc:"What it does now; docs/bridges.md has the states."`
	Upstream  string     `json:"upstream,omitempty" example:"mqtts://node1.example:8883" doc:"The upstream that is in use, or was last."`
	Since     *time.Time `json:"since,omitempty" doc:"Since when it is in this state."`
	Error     string     `json:"error,omitempty" doc:"The last error; missing if there was none."`
	ErrorAt   *time.Time `json:"error_at,omitempty" doc:"When that was."`
	Switches  int64      `json:"switches" doc:"How often it went to another upstream."`
	Retries   int64      `json:"retries" doc:"How often it tried to connect."`
	Upstreams []Upstream `json:"upstreams" nullable:"false" doc:"How its upstreams are, in the order of the configuration."`

	Queued      int64            `json:"queued_messages" doc:"Messages that wait for the upstream."`
	QueuedBytes int64            `json:"queued_bytes" doc:"Bytes of them."`
	Spooled     int64            `json:"spooled_messages" doc:"Of those that wait, messages that are on disk alone."`
	QueuedAge   float64          `json:"queued_age_seconds" doc:"Seconds that the oldest has waited."`
	Inflight    int64            `json:"inflight" doc:"Messages that were sent and are not acknowledged."`
	Strained    bool             `json:"publishers_slowed" doc:"Whether it is so far behind that who publishes to it is slowed down."`
	Forwarded   int64            `json:"forwarded" doc:"Messages that were sent, repeated ones not counted."`
	Resent      int64            `json:"resent" doc:"Messages that were sent again."`
	Received    int64            `json:"received" doc:"Messages that came from upstreams."`
	BytesOut    int64            `json:"bytes_out" doc:"Bytes that were sent."`
	BytesIn     int64            `json:"bytes_in" doc:"Bytes that came."`
	Dropped     map[string]int64 `json:"dropped" doc:"Messages that were dropped, by reason."`
}

// Upstream is how one upstream of a bridge is.
type Upstream struct {
	Name     string     `json:"name" example:"mqtts://node1.example:8883" doc:"Its URI without credentials."`
	State    string     `json:"state" example:"carries" doc:"What is known of it; docs/bridges.md has the states."`
	Failures int        `json:"failures" doc:"Failures in a row."`
	RetryAt  *time.Time `json:"retry_at,omitempty" doc:"When it is tried again."`
	Error    string     `json:"error,omitempty" doc:"The last error."`
}

// Order is what is asked of a bridge.
type Order struct {
	Bridge string // its name
	Action string // pause, resume, switch or drain
	To     string // of switch: the upstream; empty: the next one
}

// Actions are what can be asked of a bridge.
func Actions() []string { return []string{"pause", "resume", "switch", "drain"} }

// ErrUnknown is returned by a handler for what is not there.
var ErrUnknown = errors.New("not found")

// bridgeNamed says which bridge.
type bridgeNamed struct {
	Instance string `query:"instance" example:"edge" doc:"Name of the instance of the process whose bridge it is; it has to run. Without it, it is the one that answers."`
	Name     string `path:"name" example:"uplink" doc:"Name of the bridge."`
}

// bridgeSwitched says which bridge, and where to.
type bridgeSwitched struct {
	Instance string `query:"instance" example:"edge" doc:"Name of the instance of the process whose bridge it is; it has to run. Without it, it is the one that answers."`
	Name     string `path:"name" example:"uplink" doc:"Name of the bridge."`
	To       string `query:"to" example:"mqtts://node2.example:8883" doc:"The upstream, by the name that it has in upstreams. Without it, it is the next one."`
}

func bridgeRoutes(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "bridges", Method: http.MethodGet, Path: "/v1/bridges", Tags: []string{"bridges"},
		Summary:     "Say how the bridges are",
		Description: "How the bridges are, in the order of the configuration.",
		Errors:      []int{http.StatusNotFound, http.StatusServiceUnavailable},
	}, of((*API).bridges))
	operation := func(action, summary, description string) huma.Operation {
		return huma.Operation{
			OperationID: action + "-bridge", Method: http.MethodPost, Path: "/v1/bridges/{name}/" + action, Tags: []string{"bridges"},
			Summary: summary, Description: description,
			Errors: []int{http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable},
		}
	}
	plain := func(action, summary, description string) {
		huma.Register(api, operation(action, summary, description), of(func(a *API, ctx context.Context, in *bridgeNamed) (*struct{}, error) {
			return nil, a.order(ctx, in.Instance, Order{Bridge: in.Name, Action: action})
		}))
	}
	plain("pause", "Close the link of a bridge and leave it closed", "The bridge goes on to take messages, which wait for the upstream.")
	plain("resume", "Let a bridge go on", "After a pause or a drain.")
	plain("drain", "Take no more messages, and wait until all that wait are acknowledged",
		"Answers when nothing waits any more, which may take as long as the upstream is away. The bridge is then idle until it is resumed. Who ends the request ends the waiting and not the draining.")
	huma.Register(api, operation("switch", "Go to another upstream now",
		"Answers when that has begun. The link that is there is left once the other is fully connected, and what is in flight completed."),
		of(func(a *API, ctx context.Context, in *bridgeSwitched) (*struct{}, error) {
			return nil, a.order(ctx, in.Instance, Order{Bridge: in.Name, Action: "switch", To: in.To})
		}))
}

func (a *API) bridges(ctx context.Context, in *ofInstance) (*body[[]Bridge], error) {
	bridges, err := a.Bridges(ctx, in.Instance)
	return &body[[]Bridge]{bridges}, err
}

func (a *API) order(ctx context.Context, instance string, o Order) error {
	_, err := at(ctx, a, instance, func(ctx context.Context, a *API) (none struct{}, err error) {
		if a.handlers.Order == nil {
			return none, missing("bridges")
		}
		if err := a.handlers.Order(ctx, o); err != nil {
			return none, failure(err, http.StatusConflict)
		}
		return none, nil
	})
	return err
}

// Bridges asks how the bridges are.
func (c *Client) Bridges(ctx context.Context) (bridges []Bridge, err error) {
	return bridges, c.ask(ctx, http.MethodGet, "/v1/bridges", nil, &bridges)
}

// Order asks something of a bridge. It returns when that is done: with drain once
// nothing waits any more.
func (c *Client) Order(ctx context.Context, o Order) error {
	target := "/v1/bridges/" + url.PathEscape(o.Bridge) + "/" + url.PathEscape(o.Action)
	if o.To != "" {
		target += "?to=" + url.QueryEscape(o.To)
	}
	return c.ask(ctx, http.MethodPost, target, nil, nil)
}
