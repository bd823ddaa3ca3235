package control

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a browser sends for a page of another site is refused, whatever it asks, save
// that the page is opened.
func TestForeign(t *testing.T) {
	a := NewAPI(Handlers{Name: "edge", Instances: newFleet("edge"), Page: paper{}})
	t.Cleanup(a.Close)
	for _, c := range []struct {
		path, site, mode, dest string
		want                   int
	}{
		{"/v1/instances", "", "", "", http.StatusOK},
		{"/v1/instances", "same-origin", "cors", "empty", http.StatusOK},
		{"/v1/instances", "none", "navigate", "document", http.StatusOK},
		{"/v1/instances", "cross-site", "", "", http.StatusForbidden},
		{"/v1/instances", "cross-site", "navigate", "document", http.StatusForbidden},
		{"/v1/instances", "same-site", "no-cors", "image", http.StatusForbidden},
		{"/openapi.json", "same-site", "cors", "empty", http.StatusForbidden},
		{"/page/some.css", "cross-site", "no-cors", "style", http.StatusForbidden},
		{"/", "same-origin", "cors", "empty", http.StatusOK},
		{"/", "cross-site", "navigate", "document", http.StatusOK},
		{"/?instance=a", "same-site", "navigate", "", http.StatusOK},
		{"/", "cross-site", "navigate", "iframe", http.StatusForbidden},
		{"/", "cross-site", "cors", "empty", http.StatusForbidden},
	} {
		r := httptest.NewRequest(http.MethodGet, c.path, nil)
		for header, value := range map[string]string{"Sec-Fetch-Site": c.site, "Sec-Fetch-Mode": c.mode, "Sec-Fetch-Dest": c.dest} {
			if value != "" {
				r.Header.Set(header, value)
			}
		}
		r.Header.Set("Accept", "text/html")
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		require.Equal(t, c.want, w.Code, c)
		if c.want == http.StatusForbidden {
			require.JSONEq(t, `{"status":403,"title":"Forbidden","detail":"`+foreignText+`"}`, w.Body.String())
		}
	}
	post := httptest.NewRequest(http.MethodPost, "/", nil)
	post.Header.Set("Sec-Fetch-Site", "cross-site")
	post.Header.Set("Sec-Fetch-Mode", "navigate")
	w := httptest.NewRecorder()
	a.ServeHTTP(w, post)
	require.Equal(t, http.StatusForbidden, w.Code)
}
