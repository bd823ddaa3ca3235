package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Bridge is how a bridge is.
type Bridge struct {
	Name      string     `json:"name"`
	State     string     `json:"state"`
	Upstream  string     `json:"upstream,omitempty"` // that is in use, or was last
	Since     *time.Time `json:"since,omitempty"`    // of the state
	Error     string     `json:"error,omitempty"`    // the last one
	ErrorAt   *time.Time `json:"error_at,omitempty"`
	Switches  int64      `json:"switches"`
	Retries   int64      `json:"retries"`
	Upstreams []Upstream `json:"upstreams"`

	Queued      int64            `json:"queued_messages"`
	QueuedBytes int64            `json:"queued_bytes"`
	Spooled     int64            `json:"spooled_messages"`   // of those that wait, on disk alone
	QueuedAge   float64          `json:"queued_age_seconds"` // how long the oldest has waited
	Inflight    int64            `json:"inflight"`
	Strained    bool             `json:"publishers_slowed"`
	Forwarded   int64            `json:"forwarded"`
	Resent      int64            `json:"resent"`
	Received    int64            `json:"received"`
	BytesOut    int64            `json:"bytes_out"`
	BytesIn     int64            `json:"bytes_in"`
	Dropped     map[string]int64 `json:"dropped"` // by reason
}

// Upstream is how one upstream of a bridge is.
type Upstream struct {
	Name     string     `json:"name"`
	State    string     `json:"state"`
	Failures int        `json:"failures"` // in a row
	RetryAt  *time.Time `json:"retry_at,omitempty"`
	Error    string     `json:"error,omitempty"`
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

func (s *Server) bridges(w http.ResponseWriter, r *http.Request) {
	answer, err := s.handlers.Bridges(r.Context())
	if err != nil {
		s.refuse(w, http.StatusInternalServerError, err)
		return
	}
	s.answer(w, http.StatusOK, "application/json", answer)
}

func (s *Server) order(w http.ResponseWriter, r *http.Request) {
	err := s.handlers.Order(r.Context(), Order{Bridge: r.PathValue("name"), Action: r.PathValue("action"), To: r.URL.Query().Get("to")})
	switch {
	case errors.Is(err, ErrUnknown):
		s.refuse(w, http.StatusNotFound, err)
	case err != nil:
		s.refuse(w, http.StatusConflict, err)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// Bridges asks how the bridges are.
func (c *Client) Bridges(ctx context.Context) ([]Bridge, error) {
	body, err := c.get(ctx, "/v1/bridges")
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	var answer []Bridge
	if err := json.NewDecoder(body).Decode(&answer); err != nil {
		return nil, fmt.Errorf("control socket %s: the answer is not understood: %w", c.path, err)
	}
	return answer, nil
}

// Order asks something of a bridge. It returns when that is done: with drain once
// nothing waits any more.
func (c *Client) Order(ctx context.Context, o Order) error {
	target := "/v1/bridges/" + url.PathEscape(o.Bridge) + "/" + url.PathEscape(o.Action)
	if o.To != "" {
		target += "?to=" + url.QueryEscape(o.To)
	}
	body, err := c.do(ctx, http.MethodPost, target)
	if err != nil {
		return err
	}
	return body.Close()
}
