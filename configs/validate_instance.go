package configs

// itself refuses a bridge of an instance to itself. That others are there cannot be
// judged by one configuration.
func (v *validation) itself(key string, b *Bridge, instance string) {
	for i, u := range b.written() {
		uri, err := ParseUpstream(u.URI)
		if err == nil && uri.Scheme == SchemeInstance && uri.Host == instance {
			v.add(key+b.uriKey(i), "%q is this instance itself; name another instance of the process", withoutCredentials(u.URI))
		}
	}
}
