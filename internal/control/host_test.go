package control

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// A port that somebody has forwarded to the socket is open to the pages in his
// browser: none gets in under a name of its own.
func TestHostAtASocket(t *testing.T) {
	dir := directory(t)
	serve(t, dir, Handlers{Instances: newFleet("edge")})
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dial(ctx, Socket(dir))
	}}}
	ask := func(host string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://instance/v1/instances", nil)
		require.NoError(t, err)
		r.Host = host
		answer, err := client.Do(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode
	}
	for _, host := range []string{"instance", "localhost", "LOCALHOST:8080", "127.0.0.1:8080", "[::1]:8080", "[::1]", "10.0.0.7"} {
		require.Equal(t, http.StatusOK, ask(host), host)
	}
	for _, host := range []string{"evil.example", "evil.example:8080", "localhost.evil.example:8080", "127.0.0.1.evil.example", "evil", "localhost:x:8080"} {
		require.Equal(t, http.StatusMisdirectedRequest, ask(host), host)
	}
	require.True(t, local(""), "HTTP/1.0 need not say a host")
}
