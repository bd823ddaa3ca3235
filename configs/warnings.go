package configs

import (
	"fmt"
	"net"
	"strings"
)

// Warnings are what is allowed in c and dangerous, or of no use. Each names the
// key; the source is known if sources are given.
func Warnings(c Config, sources Sources) []*Problem {
	var v validation
	v.authWarnings(c)
	for i, l := range c.Listeners {
		v.tlsWarnings(fmt.Sprintf("listeners[%d].tls.", i), l)
	}
	for i := range c.Bridges {
		v.warnings(fmt.Sprintf("bridges[%d].", i), &c.Bridges[i], c.Listeners)
	}
	if sources != nil {
		for _, p := range v.problems {
			p.Source = sources.of(p.Key)
		}
	}
	return v.problems
}

func (v *validation) warnings(key string, b *Bridge, listeners []Listener) {
	if len(b.Forward) == 0 && len(b.Receive) == 0 {
		v.add(strings.TrimSuffix(key, "."), "has no rule in forward or receive, so that it only connects")
	}
	written := b.written()
	for i, u := range b.Endpoints() {
		uri, err := ParseUpstream(u.URI)
		if err != nil {
			continue
		}
		at := key + b.uriKey(i)
		if uri.TLS() && u.TLS.Insecure {
			insecure := key + "tls.insecure"
			if written[i].TLS.Insecure {
				insecure = fmt.Sprintf("%supstreams[%d].tls.insecure", key, i)
			}
			v.add(insecure, "true trusts whoever answers at %s, who may read and change all that is sent; write ca_file instead, to trust a certificate of your own", uri.Address())
		}
		if !uri.TLS() && !uri.local() && (u.Password != "" || u.PasswordFile != "") {
			v.add(at, "%q sends the password, and all messages, so that everyone on the way can read them; write mqtts or wss", u.URI)
		}
		if l := ownListener(uri, listeners); l != "" {
			v.add(at, "%q is the listener %s of this instance itself", u.URI, l)
		}
	}
	if !before5(b) || !b.LoopGuard {
		return
	}
	for k := range b.Receive {
		for l := range b.Forward {
			if returns(&b.Receive[k], &b.Forward[l]) {
				v.add(fmt.Sprintf("%sreceive[%d].remote", key, k), "%q takes back what forward[%d] hands on if the upstream does not know bridges by the protocol level, as Mosquitto does; protocol: 5 leaves no doubt", b.Receive[k].Remote, l)
				return
			}
		}
	}
}

// ownListener is the name of the listener that a URI leads to; empty: none, or it
// is not known.
func ownListener(uri UpstreamURI, listeners []Listener) string {
	if !uri.local() || uri.Port == "" {
		return ""
	}
	for _, l := range listeners {
		host, port, err := splitAddress(l.Address)
		if err != nil || port != uri.Port {
			continue
		}
		switch ip := net.ParseIP(host); {
		case host == "", ip != nil && ip.IsUnspecified(), strings.EqualFold(host, uri.Host):
			return l.Name
		case uri.Host == "localhost" && l.loopback(), strings.EqualFold(host, "localhost"):
			return l.Name
		}
	}
	return ""
}
