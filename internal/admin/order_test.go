package admin

import (
	"encoding/json"
	"errors"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/internal/control"
)

// button is an order of a page.
type button struct{ label, method, url, confirm string }

func buttons(t *testing.T, h http.Handler, target string) map[string]button {
	t.Helper()
	all := make(map[string]button)
	for _, m := range regexp.MustCompile(`<form id="([^"]*)" method="post" action="([^"]*)" data-method="([^"]*)" data-confirm="([^"]*)"[^>]*><button>([^<]*)`).FindAllStringSubmatch(open(t, h, target).Body.String(), -1) {
		require.NotContains(t, all, m[1], "an id is there once")
		all[html.UnescapeString(m[1])] = button{m[5], m[3], html.UnescapeString(m[2]), html.UnescapeString(m[4])}
	}
	return all
}

// press sends an order as the script does, from a page of the site.
func press(h http.Handler, b button, site string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(b.method, "http://localhost:8080/"+b.url, nil)
	r.Header.Set("Origin", site)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const here = "http://localhost:8080"

func TestOrders(t *testing.T) {
	f := &fleet{all: []control.Instance{running("edge"), running("pl ant"), {Name: "off", State: control.InstanceStopped}, {Name: "later", State: control.InstanceWaiting}, {Name: "begins", State: control.InstanceStarting}}}
	paused, ended, single := uplink(), uplink(), uplink()
	paused.Name, paused.State = "pau/sed?", "paused"
	ended.Name, ended.State = "ended", "ended"
	single.Name, single.Upstreams = "single", single.Upstreams[:1]
	a := process(t, f, map[string][]control.Bridge{"pl ant": {uplink(), paused, ended, single}})
	all := buttons(t, a, "/")
	want := map[string]string{ // by id, what is done
		"stop-edge": "", "reload-edge": "reload edge", "stop-pl ant": "stop pl ant", "reload-pl ant": "reload pl ant",
		"start-off": "start off", "reload-off": "reload off", "remove-off": "remove off", "start-later": "start later", "stop-later": "stop later", "reload-later": "reload later", "stop-begins": "stop begins",
		"pause-pl ant-uplink": `pause uplink of pl ant to ""`, "drain-pl ant-uplink": `drain uplink of pl ant to ""`, "switch-pl ant-uplink": `switch uplink of pl ant to ""`,
		"switch-pl ant-uplink-mqtts://node2:8883": `switch uplink of pl ant to "mqtts://node2:8883"`,
		"resume-pl ant-pau/sed?":                  `resume pau/sed? of pl ant to ""`,
		"pause-pl ant-single":                     `pause single of pl ant to ""`, "drain-pl ant-single": `drain single of pl ant to ""`,
	}
	require.Len(t, all, len(want))
	for id, did := range want {
		require.Contains(t, all, id)
		if did == "" {
			continue // the one that answers stops after it has answered: below
		}
		w := press(a, all[id], here)
		require.Less(t, w.Code, 300, "%s: %s", id, w.Body)
		require.Equal(t, []string{did}, f.told(), id)
	}
	for id, b := range all { // what may cost somebody his connection is asked about before
		harmless := b.label == "Start" || b.label == "Resume"
		require.Equal(t, harmless, b.confirm == "", id)
	}
	require.Equal(t, "Stop instance pl ant? It closes 1,234 connections and stays stopped until somebody starts it.", all["stop-pl ant"].confirm)
	require.Contains(t, all["stop-edge"].confirm, "It is the one that answers this page")
	w := press(a, all["stop-edge"], here)
	require.Equal(t, http.StatusAccepted, w.Code)
	require.Eventually(t, func() bool { return slices.Equal([]string{"stop edge"}, f.told()) }, 20*time.Second, time.Millisecond)

	w = press(a, all["reload-edge"], here)
	require.JSONEq(t, `{"restart":["listeners"]}`, w.Body.String())
	f.err = errors.New("port 1883 is that of edge")
	w = press(a, all["start-off"], here)
	var p control.Problem
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	require.Equal(t, "port 1883 is that of edge", p.Detail)
}

func TestStopOfTheLast(t *testing.T) {
	f := &fleet{all: []control.Instance{running("edge"), {Name: "plant", State: control.InstanceFailed}}}
	b := buttons(t, process(t, f, nil), "/")["stop-edge"]
	require.Contains(t, b.confirm, "It is the last that runs: the process ends with it")
}

// Orders are those of the page itself.
func TestOrdersOfOtherSites(t *testing.T) {
	f := &fleet{all: []control.Instance{running("edge"), running("plant")}}
	a := process(t, f, map[string][]control.Bridge{"edge": {uplink()}})
	all := buttons(t, a, "/")
	require.NotEmpty(t, all)
	for id, b := range all {
		for _, site := range []string{"https://evil.example", "http://localhost:8081", "null"} {
			w := press(a, b, site)
			require.Equal(t, http.StatusForbidden, w.Code, id)
			require.Contains(t, w.Body.String(), "a page of another site", id)
		}
		_, err := url.Parse(b.url)
		require.NoError(t, err)
	}
	require.Empty(t, f.told())
}
