package control

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// atSocket answers for next those who mean the machine by the host that they ask.
//
// Only its user gets to the socket, but he may forward a port of his to it, to see
// the page: then any page that his browser shows gets here under a name of its own
// that it has made to point to that port, and passes for a page of this host. An
// address is no such name.
func atSocket(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !local(r.Host) {
			refuse(w, http.StatusMisdirectedRequest, fmt.Sprintf("the request is for host %q; at the socket only %s, localhost and IP addresses are answered", r.Host, socketHost))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// socketHost is the host that a [Client] asks at a socket.
const socketHost = "instance"

// local tells whether a Host header, if there is one, has a name that nobody can make
// point elsewhere.
func local(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || host == "" || host == socketHost || strings.EqualFold(host, "localhost")
}
