package upstream

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/troupemq/troupe/configs"
)

// Follow gives the Server that a Server Reference names (section 4.11): one or more hosts, with a port or without, or URIs, with spaces between.
// The first that can be used is taken. Credentials and TLS are those of u, so the scheme has to be too: nobody is led from TLS to where there is
// none.
func (u *Upstream) Follow(reference string) (*Upstream, error) {
	var first error
	for one := range strings.FieldsSeq(reference) {
		next, err := u.refer(one)
		if err == nil {
			followed := *u
			followed.address = next
			return &followed, nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		return nil, fmt.Errorf("upstream %s: the Server Reference is empty", u.Name())
	}
	return nil, fmt.Errorf("upstream %s: the Server Reference: %w", u.Name(), first)
}

// refer reads one reference. A path is only in a URI; a WebSocket elsewhere is at the same one otherwise.
func (u *Upstream) refer(one string) (address, error) {
	isURI := strings.Contains(one, "://")
	if !isURI {
		one = u.address.Scheme + "://" + one
	}
	next, err := parse(one)
	switch {
	case err != nil:
		return address{}, err
	case next.Scheme != u.address.Scheme:
		return address{}, fmt.Errorf("%s is not followed to %s", u.address.Scheme, next.Scheme)
	case next.Scheme == "unix", next.Scheme == configs.SchemeInstance:
		return address{}, errors.New("a Unix socket or an instance of the process refers to no other Server")
	case next.User != nil:
		return address{}, errors.New("it brings credentials of its own")
	case !isURI && next.Path != "":
		return address{}, fmt.Errorf("%s is no host", next.Bare)
	case next.Path == "" && u.address.Path != "":
		next.Path = u.address.Path
		next.Bare += (&url.URL{Path: next.Path}).EscapedPath()
	}
	return next, nil
}
