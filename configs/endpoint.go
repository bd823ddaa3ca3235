package configs

import "fmt"

// Endpoints are the upstreams of b in their order, each with all that it takes
// from b, whether they were written as `upstreams` or as `server` and
// `backup_server`. User name and password of a URI are in Username and Password
// and no longer in the URI. ClientID is empty where none was written: see
// [Bridge.DefaultClientID].
func (b *Bridge) Endpoints() []Upstream {
	list := b.written()
	for i := range list {
		list[i] = b.complete(list[i])
	}
	return list
}

// DefaultClientID is the Client Identifier at upstreams for which none was written.
func (b *Bridge) DefaultClientID(instance string) string { return instance + "-" + b.Name }

// written are the upstreams as they were written.
func (b *Bridge) written() []Upstream {
	if len(b.Upstreams) > 0 {
		return append([]Upstream(nil), b.Upstreams...)
	}
	var list []Upstream
	for _, uri := range []string{b.Server, b.BackupServer} {
		if uri != "" {
			list = append(list, Upstream{URI: uri})
		}
	}
	return list
}

// uriKey is the key, in b, of the URI of one of the upstreams as they were written.
func (b *Bridge) uriKey(i int) string {
	switch {
	case len(b.Upstreams) > 0:
		return fmt.Sprintf("upstreams[%d].uri", i)
	case i == 0 && b.Server != "":
		return "server"
	default:
		return "backup_server"
	}
}

func (b *Bridge) complete(u Upstream) Upstream {
	if uri, err := ParseUpstream(u.URI); err == nil && uri.User != nil {
		u.URI = uri.Bare
		if name := uri.User.Username(); name != "" {
			u.Username = name
		}
		if password, ok := uri.User.Password(); ok {
			u.Password, u.PasswordFile = password, ""
		}
	}
	if u.Password == "" && u.PasswordFile == "" {
		u.Password, u.PasswordFile = b.Password, b.PasswordFile
	}
	inherit(&u.ClientID, b.ClientID)
	inherit(&u.Username, b.Username)
	inherit(&u.TLS.CAFile, b.TLS.CAFile)
	inherit(&u.TLS.CertFile, b.TLS.CertFile)
	inherit(&u.TLS.KeyFile, b.TLS.KeyFile)
	inherit(&u.TLS.ServerName, b.TLS.ServerName)
	inherit(&u.TLS.ALPN, b.TLS.ALPN)
	u.TLS.Insecure = u.TLS.Insecure || b.TLS.Insecure
	return u
}

func inherit(own *string, general string) {
	if *own == "" {
		*own = general
	}
}
