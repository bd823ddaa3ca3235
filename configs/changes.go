package configs

import (
	"reflect"
	"slices"
)

// Changes tells what differs between two configurations of an instance: whether
// its bridges do, which can change while it runs, and the keys of all else that
// does, which needs a restart; `limits.rate` and `persistence.max_disk` do not, nor does another file of `auth` in the place of one, nor what is below `tls` of a listener. A list of another length is one key. That a file
// which a key names holds something else now is not seen.
func Changes(old, new Config) (bridges bool, restart []string) {
	bridges = !reflect.DeepEqual(orNone(old.Bridges), orNone(new.Bridges))
	old.Bridges, new.Bridges = nil, nil
	old, new = decided(old), decided(new)
	if old.Auth.PasswordFile != "" && new.Auth.PasswordFile != "" {
		old.Auth.PasswordFile = new.Auth.PasswordFile
	}
	if old.Auth.ACLFile != "" && new.Auth.ACLFile != "" {
		old.Auth.ACLFile = new.Auth.ACLFile
	}
	for i := range min(len(old.Listeners), len(new.Listeners)) {
		if a, b := &old.Listeners[i], new.Listeners[i]; a.Name == b.Name && a.Transport == b.Transport {
			a.TLS = b.TLS
		}
	}
	old.Limits.Rate, new.Limits.Rate = InstanceRate{}, InstanceRate{}
	old.Persistence.MaxDisk, new.Persistence.MaxDisk = 0, 0
	return bridges, differences(reflect.ValueOf(old), reflect.ValueOf(new), "")
}

// differences are the keys below path that differ, in the order of the fields.
func differences(a, b reflect.Value, path string) []string {
	var keys []string
	switch {
	case a.Kind() == reflect.Struct:
		for i := range a.NumField() {
			at := join(path, a.Type().Field(i).Tag.Get("koanf"))
			keys = slices.Concat(keys, differences(effective(a.Field(i)), effective(b.Field(i)), at))
		}
	case a.Kind() == reflect.Slice && a.Len() == b.Len():
		for i := range a.Len() {
			keys = slices.Concat(keys, differences(a.Index(i), b.Index(i), entry(path, i)))
		}
	case !reflect.DeepEqual(a.Interface(), b.Interface()):
		keys = append(keys, path)
	}
	return keys
}
