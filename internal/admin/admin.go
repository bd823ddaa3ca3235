// Package admin is the page of the control endpoint, for a person with a browser:
// how the instances of the process are, what is wrong with them, and the orders
// that they can be given. [Page] shows what a control.API knows, and its script
// sends orders to the routes of that API; it knows no broker and keeps nothing.
//
//	GET /                    all instances, and all of each if they are few
//	GET /?instance=NAME      all of one
//	GET /?storage=NAME       what uses the space of one: reads all that it keeps
//	GET /page/...            style, script and icon
//
// The page is made of HTML on the server. The script only asks for it again and
// puts what is new in the place of what was; without it there is a page to look at
// that gives no orders. Nothing is loaded from elsewhere, and all links are
// relative, so that it can be mounted below any path.
package admin

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/troupemq/troupe/internal/control"
)

//go:embed files
var files embed.FS

// policy lets a browser load nothing but the files of the page, and show it in no
// page of another site, which could have somebody press its buttons unseen.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"

// shape is the template. It is read for the first page, and costs nothing where
// nobody looks.
var shape = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{"bytes": bytesText, "count": countText, "syllables": syllables}).ParseFS(files, "files/*.html"))
})

// Page implements control.Page.
type Page struct{}

// Serve implements control.Page.
func (Page) Serve(w http.ResponseWriter, r *http.Request, a *control.API) {
	if serveFile(w, r) {
		return
	}
	v := look(r.Context(), a, r.URL.Query(), time.Now())
	write(w, v)
}

// Unavailable implements control.Page.
func (Page) Unavailable(w http.ResponseWriter, r *http.Request, reason string) {
	if serveFile(w, r) {
		return
	}
	write(w, &view{status: http.StatusServiceUnavailable, Title: "Not available", At: time.Now(), Problem: reason, Refreshes: true})
}

// serveFile answers with a part of the page, if it is asked for one.
func serveFile(w http.ResponseWriter, r *http.Request) bool {
	name, ok := strings.CutPrefix(r.URL.Path, control.PageFiles)
	if !ok {
		return false
	}
	kind := map[string]string{"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml"}[name]
	text, err := files.ReadFile("files/" + name)
	if kind == "" || err != nil {
		http.Error(w, "there is no such file of the page", http.StatusNotFound)
		return true
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", policy)
	_, _ = w.Write(text)
	return true
}

func write(w http.ResponseWriter, v *view) {
	var text bytes.Buffer
	if err := shape().ExecuteTemplate(&text, "page.html", v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept") // another answers who takes JSON
	w.WriteHeader(v.status)
	_, _ = w.Write(text.Bytes())
}
