package control

import (
	"net/http"
	"path"
	"strings"
)

// Page is what a person sees who opens an API in a browser: it is asked for GET /,
// by who takes HTML, and for what is below [PageFiles]. What it orders goes to the
// routes of the API.
type Page interface {
	// Serve answers for an API.
	Serve(w http.ResponseWriter, r *http.Request, a *API)
	// Unavailable answers in the place of an API that there is not, with 503.
	Unavailable(w http.ResponseWriter, r *http.Request, reason string)
}

// PageFiles is the path below which the parts of a [Page] are.
const PageFiles = "/page/"

// forPeople tells whether a request is for a [Page].
func forPeople(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	return strings.HasPrefix(r.URL.Path, PageFiles) || r.URL.Path == "/" && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// toDirectory sends who asks for the path at which a handler is mounted to the one
// with a slash, from where links lead to what is below it.
func toDirectory(w http.ResponseWriter, r *http.Request) bool {
	prefix := mountedAt(r)
	if r.URL.Path != "" || prefix == "" {
		return false
	}
	to := path.Base(prefix) + "/"
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", to) // relative, as it is not for http.Redirect
	w.WriteHeader(http.StatusTemporaryRedirect)
	return true
}

// Unavailable answers in the place of an API that there is not.
func Unavailable(page Page, reason string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case page == nil || !forPeople(r):
			if !toDirectory(w, r) {
				refuse(w, http.StatusServiceUnavailable, reason)
			}
		default:
			page.Unavailable(w, r, reason)
		}
	})
}
