package troupe

import (
	"bufio"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/coder/websocket"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/internal/webconn"
)

// WebSocketHandler lets Clients in over WebSockets of the program's own HTTP
// server, which may speak TLS and decides about the path; clients expect it at
// /mqtt. as.Name is "websocket" if it is empty. Clients without credentials are let
// in if as.Anonymous says so, and pages of other web sites than the server's own
// only if as.Origins names those. What is no request for a WebSocket of MQTT is answered
// with why: 426, 400, 403, or 503 while the Broker does not run.
//
// A connection is the Broker's as soon as the handler returns: to shut down the
// HTTP server, before the Broker or after it, neither waits for Clients nor cuts
// them off. They are told good-bye by [Broker.Shutdown].
func (b *Broker) WebSocketHandler(as ServeOptions) http.Handler {
	if as.Name == "" {
		as.Name = "websocket"
	}
	return &webSocketHandler{b, as}
}

type webSocketHandler struct {
	broker *Broker
	as     ServeOptions
}

func (h *webSocketHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, err := h.broker.running(); err != nil {
		http.Error(w, "the broker is not running", http.StatusServiceUnavailable)
		return
	}
	if r.Header.Get("Upgrade") != "" && !offered(r) {
		h.refused(r, "the client does not offer the sub-protocol mqtt")
		http.Error(w, "the client has to offer the sub-protocol "+webconn.Subprotocol, http.StatusBadRequest)
		return
	}
	upgrade := &upgrade{ResponseWriter: w}
	ws, err := websocket.Accept(upgrade, r, &websocket.AcceptOptions{Subprotocols: []string{webconn.Subprotocol}, OriginPatterns: h.as.Origins})
	if err != nil { // it has answered
		h.refused(r, err.Error())
		return
	}
	if err := h.broker.Serve(webconn.New(ws, upgrade.conn), h.as); err != nil {
		h.refused(r, err.Error())
	}
}

func (h *webSocketHandler) refused(r *http.Request, why string) {
	h.broker.log.Debug("no WebSocket for a request", zap.String("address", r.RemoteAddr), zap.String("listener", h.as.Name),
		zap.String("origin", r.Header.Get("Origin")), zap.String("reason", why))
}

// offered tells whether the client offers the sub-protocol of MQTT.
func offered(r *http.Request) bool {
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		if slices.ContainsFunc(strings.Split(line, ","), func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), webconn.Subprotocol) }) {
			return true
		}
	}
	return false
}

// upgrade notes the connection that a WebSocket is made of.
type upgrade struct {
	http.ResponseWriter
	conn net.Conn
}

// Hijack implements http.Hijacker.
func (u *upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(u.ResponseWriter).Hijack()
	u.conn = conn
	return conn, buffers, err
}
