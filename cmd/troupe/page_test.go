package main

import (
	"context"
	"html"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/control"
)

// browser opens the page of the instance in a data directory by way of a port that is
// forwarded to its socket, as with ssh -L 8080:.../control.sock.
type browser struct {
	t      *testing.T
	client http.Client
}

const forwarded = "http://localhost:8080"

func newBrowser(t *testing.T, dir string) *browser {
	return &browser{t, http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", control.Socket(dir))
	}}}}
}

// ask sends a request from a page of a site; an answer that breaks off is an empty one.
func (b *browser) ask(method, target, site string) (status int, text string) {
	r, err := http.NewRequestWithContext(b.t.Context(), method, target, nil)
	require.NoError(b.t, err)
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	if method == http.MethodPost {
		r.Header.Set("Origin", site)
	}
	answer, err := b.client.Do(r)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = answer.Body.Close() }()
	all, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(all)
}

// shows waits until the page has what is looked for, and returns it.
func (b *browser) shows(target string, want ...string) (page string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		_, page = b.ask(http.MethodGet, forwarded+target, "")
		read := strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, "")), " ")
		for _, w := range want {
			if !strings.Contains(read, w) {
				return false
			}
		}
		return true
	}, patience, 20*time.Millisecond, "%q", want)
	return page
}

// press sends the order of a button of the page.
func (b *browser) press(page, button, site string) (status int, text string) {
	b.t.Helper()
	form := regexp.MustCompile(`<form id="` + button + `" method="post" action="([^"]*)"`).FindStringSubmatch(page)
	require.NotNil(b.t, form, "there is no %s", button)
	return b.ask(http.MethodPost, forwarded+"/"+html.UnescapeString(form[1]), site)
}

// An operator looks at all instances of the process by way of one socket, sees what is
// wrong with another, and gives orders to it.
func TestPageInABrowser(t *testing.T) {
	dir := place(t)
	serveSeveral(t, dir, map[string]string{"all.yaml": `
persistence: {memtable: 1MiB}
instances:
  - name: lines
    data_dir: l
    listeners: [{name: tcp, address: "127.0.0.1:0"}]
  - name: offices
    data_dir: o
    listeners: []
    bridges:
      - name: uplink
        upstreams: [{uri: "mqtt://` + freePort(t) + `"}]
        forward: [{local: "out/#"}]
`}, "-c", "all.yaml").says("troupe: offices: data directory")
	b := newBrowser(t, filepath.Join(dir, "l"))
	page := b.shows("/", "2 ● running", "offices › uplink is not connected", "Bridge uplink", "Answered by lines", filepath.Join(dir, "o"))
	b.shows("/?storage=offices", "Storage of offices", "left on the device")
	status, style := b.ask(http.MethodGet, forwarded+"/page/page.css", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, style, "prefers-color-scheme: dark")

	// Other pages in the same browser get nowhere, neither as what they are nor under a
	// name that they have made to point to the port.
	status, _ = b.press(page, "stop-offices", "http://evil.example")
	require.Equal(t, http.StatusForbidden, status)
	status, _ = b.ask(http.MethodPost, "http://evil.example:8080/v1/instances/offices/stop", "http://evil.example:8080")
	require.Equal(t, http.StatusMisdirectedRequest, status)
	status, _ = b.ask(http.MethodGet, "http://evil.example:8080/", "")
	require.Equal(t, http.StatusMisdirectedRequest, status)

	status, _ = b.press(page, "pause-offices-uplink", forwarded)
	require.Equal(t, http.StatusNoContent, status)
	b.shows("/?instance=offices", "offices › uplink is paused, as somebody ordered")
	status, text := b.press(page, "stop-offices", forwarded)
	require.Equal(t, http.StatusOK, status, text)
	page = b.shows("/", "1 ● running 1 ■ stopped", "Nothing is wrong")
	status, text = b.press(page, "start-offices", forwarded)
	require.Equal(t, http.StatusOK, status, text)
	page = b.shows("/", "2 ● running")

	// The one that answers says so and stops; the other has a page too.
	status, _ = b.press(page, "stop-lines", forwarded)
	require.Equal(t, http.StatusAccepted, status)
	newBrowser(t, filepath.Join(dir, "o")).shows("/", "1 ■ stopped 1 ● running", "Answered by offices")
}
