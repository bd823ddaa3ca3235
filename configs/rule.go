package configs

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/troupemq/troupe/protocol/topic"
)

// Forward is one rule of what is handed on.
type Forward struct {
	// Local is the Topic Filter of what is handed on.
	Local string `koanf:"local"`
	// Remote is the topic at the upstream: what the wildcards of `local` matched takes the place of those here, in their order. Empty: as it is here.
	Remote string `koanf:"remote"`
	// Prefix is put before the topic at the upstream.
	Prefix string `koanf:"prefix"`
	// Suffix is put behind the topic at the upstream.
	Suffix string `koanf:"suffix"`
	// QoS to send with. `keep`: as it was published; `0`, `1`, `2`: this one; `max-0`, `max-1`: at most this one.
	QoS BridgeQoS `koanf:"qos"`
	// Retain says whether RETAIN is set at the upstream: `keep`: as it was published; `set`, `clear`.
	Retain BridgeRetain `koanf:"retain"`
	// Retained says when the Retained Messages that are here already are handed on. `new`: once, when the rule is new; `always`: with each start and reload too; `never`.
	Retained BridgeRetained `koanf:"retained"`
	// UserProperties are added to each message, as `name=value`, separated by commas; MQTT 5 alone.
	UserProperties string `koanf:"user_properties"`
}

// Receive is one rule of what is taken from an upstream.
type Receive struct {
	// Remote is the Topic Filter to subscribe to at the upstream.
	Remote string `koanf:"remote"`
	// Local is the topic here: what the wildcards of `remote` matched takes the place of those here, in their order. Empty: as it is at the upstream.
	Local string `koanf:"local"`
	// Prefix is put before the topic here.
	Prefix string `koanf:"prefix"`
	// Suffix is put behind the topic here.
	Suffix string `koanf:"suffix"`
	// QoS to subscribe with. `keep`: 2, so that each message comes as it was published; `0`, `1`, `2`; `max-0`, `max-1`: the same as `0` and `1`. A message that was published with a lower QoS comes with that.
	QoS BridgeQoS `koanf:"qos"`
	// Retain says whether RETAIN is set here: `keep`: as at the upstream; `set`, `clear`.
	Retain BridgeRetain `koanf:"retain"`
	// Retained says when the Retained Messages of the upstream are taken. `new`: when it has no Session of the bridge; `always`: with each link; `never`. Before MQTT 5: always.
	Retained BridgeRetained `koanf:"retained"`
	// UserProperties are added to each message, as `name=value`, separated by commas.
	UserProperties string `koanf:"user_properties"`
}

// Mapping gives the Topic Names at the upstream of what is handed on.
func (f *Forward) Mapping() (*topic.Mapping, error) {
	return topic.NewMapping(f.Local, f.Remote, f.Prefix, f.Suffix)
}

// Mapping gives the Topic Names here of what is taken.
func (r *Receive) Mapping() (*topic.Mapping, error) {
	return topic.NewMapping(r.Remote, r.Local, r.Prefix, r.Suffix)
}

// UserProperty is a name and a value that a rule adds to messages.
type UserProperty struct{ Name, Value string }

// ParseUserProperties reads the text of `user_properties`: name=value, separated
// by commas. Spaces around either are not part of it; the first `=` ends the
// name, and there is no way to have a comma in a value.
func ParseUserProperties(text string) ([]UserProperty, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return nil, fmt.Errorf("%q is not text that MQTT can carry", text)
	}
	var all []UserProperty
	for part := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(part, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" {
			return nil, fmt.Errorf("%q is not name=value", strings.TrimSpace(part))
		}
		if len(name) > topic.MaxLength || len(value) > topic.MaxLength {
			return nil, fmt.Errorf("a name or value has more than %d bytes", topic.MaxLength)
		}
		all = append(all, UserProperty{Name: name, Value: value})
	}
	return all, nil
}
