package control

import "net/http"

// foreignText is what the page of another site gets.
const foreignText = "the request comes from a page of another site, which may not ask anything here"

// foreign tells whether a browser says that a page of another site makes it send a
// request. That could not read the answer, but have a backup begun again and again.
// To open the [Page], as by a link, is what everybody may. Whoever is no browser says
// nothing of this.
func foreign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return false
	}
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	dest := r.Header.Get("Sec-Fetch-Dest")
	opens := r.Header.Get("Sec-Fetch-Mode") == "navigate" && (dest == "" || dest == "document") // and not a frame
	return !reads || r.URL.Path != "/" || !opens
}
