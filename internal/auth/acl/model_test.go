package acl

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/topic"
)

// wish is a rule as the model has it.
type wish struct {
	allow            bool
	users, clients   []string
	anonymous        bool
	action           string // empty: both
	qos              []int
	topics           []string
	retain, retained bool // if retain: only with this RETAIN
}

func (w wish) text() string {
	list := func(key string, of []string) string {
		if len(of) == 0 {
			return ""
		}
		return fmt.Sprintf(", %s: ['%s']", key, strings.Join(of, "', '"))
	}
	text := "- {permission: deny"
	if w.allow {
		text = "- {permission: allow"
	}
	text += list("users", w.users) + list("clients", w.clients) + list("topics", w.topics)
	if w.anonymous {
		text += ", anonymous: true"
	}
	if w.action != "" {
		text += ", actions: " + w.action
	}
	if len(w.qos) > 0 {
		text += ", qos: " + strings.ReplaceAll(fmt.Sprint(w.qos), " ", ", ")
	}
	if w.retain {
		text += fmt.Sprintf(", retain: %v", w.retained)
	}
	return text + "}\n"
}

// request is one thing that a Client wants.
type request struct {
	client, user  string
	action, topic string
	qos           int
	retain        bool
	allNames      []string
}

// concerns is about all but topics.
func (w wish) concerns(q request) bool {
	who := len(w.users) == 0 && !w.anonymous || w.anonymous && q.user == "" || q.user != "" && globs(w.users, q.user)
	return who && (len(w.clients) == 0 || globs(w.clients, q.client)) && (w.action == "" || w.action == q.action) &&
		(len(w.qos) == 0 || slices.Contains(w.qos, q.qos)) && (!w.retain || q.action == "publish" && w.retained == q.retain)
}

func globs(patterns []string, name string) bool {
	var glob func(p, n string) bool
	glob = func(p, n string) bool {
		switch {
		case p == "":
			return n == ""
		case p[0] == '*':
			return glob(p[1:], n) || n != "" && glob(p, n[1:])
		default:
			return n != "" && n[0] == p[0] && glob(p[1:], n[1:])
		}
	}
	return slices.ContainsFunc(patterns, func(p string) bool { return glob(p, name) })
}

// names are those of all that a rule's filter matches for a Client.
func (w wish) names(filter string, q request) (matched []string) {
	open := false // something in it could have meant more than a level
	levels := strings.Split(filter, "/")
	for i, level := range levels {
		for placeholder, value := range map[string]string{clientID: q.client, username: q.user} {
			if !strings.Contains(level, placeholder) {
				continue
			}
			if value == "" || strings.ContainsAny(value, "+#/") || i == 0 && strings.HasPrefix(level, placeholder) && value[0] == '$' {
				open = true
			}
		}
		if open {
			if w.allow {
				return nil
			}
			if i == 0 {
				return q.allNames
			}
			levels = append(levels[:i], "#")
			break
		}
		levels[i] = strings.NewReplacer(clientID, q.client, username, q.user).Replace(level)
	}
	for _, name := range q.allNames {
		if topic.Match(strings.Join(levels, "/"), name) {
			matched = append(matched, name)
		}
	}
	return matched
}

// judge is the model: it looks at every name that there is.
func judge(wishes []wish, q request) bool {
	_, filter, err := topic.ParseFilter(q.topic)
	if err != nil {
		return false
	}
	var wanted []string
	for _, name := range q.allNames {
		if q.action == "publish" && name == q.topic || q.action == "subscribe" && topic.Match(filter, name) {
			wanted = append(wanted, name)
		}
	}
	for _, w := range wishes {
		if !w.concerns(q) {
			continue
		}
		for _, filter := range w.topics {
			matched := w.names(filter, q)
			some, all := false, true
			for _, name := range wanted {
				there := slices.Contains(matched, name)
				some, all = some || there, all && there
			}
			if w.allow && all || !w.allow && some {
				return w.allow
			}
		}
	}
	return false
}

// everyName has a level of each kind that the filters of the model have, and one
// that they have not, and a level more than they have.
func everyName() (names []string) {
	var grow func(name string, levels int)
	grow = func(name string, levels int) {
		if name != "" {
			names = append(names, name)
		}
		if levels == 3 {
			return
		}
		for _, level := range []string{"", "a", "b", "da", "db", "d$a", "$a", "other"} {
			next := level
			if levels > 0 {
				next = name + "/" + level
			}
			grow(next, levels+1)
		}
	}
	grow("", 0)
	return names
}

// The compiled rules say what the naive reading of them says.
func TestAgainstTheModel(t *testing.T) {
	all := everyName()
	filter := func(levels ...string) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			parts := rapid.SliceOfN(rapid.SampledFrom(levels), 1, 2).Draw(t, "levels")
			if rapid.IntRange(0, 3).Draw(t, "rest") == 0 {
				parts[len(parts)-1] = "#"
			}
			return strings.Join(parts, "/")
		}).Filter(func(f string) bool { return f != "" })
	}
	ofRule := filter("", "a", "b", "$a", "+", clientID, username, "d"+clientID)
	wanted := filter("", "a", "b", "$a", "+", "da", "other")
	who := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "*", "a*", "*b", "*/*"}), 0, 2)
	wishes := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) wish {
		w := wish{
			allow: rapid.Bool().Draw(t, "allow"), users: who.Draw(t, "users"), clients: who.Draw(t, "clients"),
			anonymous: rapid.IntRange(0, 3).Draw(t, "anonymous") == 0,
			action:    rapid.SampledFrom([]string{"", "publish", "subscribe"}).Draw(t, "action"),
			qos:       rapid.SliceOfN(rapid.IntRange(0, 2), 0, 2).Draw(t, "qos"),
			topics:    rapid.SliceOfN(ofRule, 1, 2).Draw(t, "topics"),
			retained:  rapid.Bool().Draw(t, "retained"),
		}
		w.retain = w.action == "publish" && rapid.IntRange(0, 2).Draw(t, "retain") == 0
		return w
	}), 0, 5)
	value := rapid.SampledFrom([]string{"a", "b", "", "+", "#", "a/b", "$a", "a+"})
	rapid.Check(t, func(t *rapid.T) {
		model := wishes.Draw(t, "rules")
		text := "rules:\n"
		for _, w := range model {
			text += w.text()
		}
		if len(model) == 0 {
			text = "rules: []"
		}
		r, err := parse("acl.yaml", []byte(text))
		require.NoError(t, err)
		client, user := value.Draw(t, "client"), value.Draw(t, "user")
		c := may(r, client, user)
		for range 8 {
			q := request{client: client, user: user, qos: rapid.IntRange(0, 2).Draw(t, "qos"), retain: rapid.Bool().Draw(t, "retain"), allNames: all}
			if rapid.Bool().Draw(t, "publish") {
				q.action, q.topic = "publish", rapid.SampledFrom(all).Draw(t, "name")
				require.Equal(t, judge(model, q), c.MayPublish([]byte(q.topic), packet.QoS(q.qos), q.retain), "%s%+v", text, q.topic)
				continue
			}
			q.action, q.topic = "subscribe", wanted.Draw(t, "filter")
			if rapid.Bool().Draw(t, "shared") {
				q.topic = "$share/g/" + q.topic
			}
			q.retain = false
			require.Equal(t, judge(model, q), c.MaySubscribe(q.topic, packet.QoS(q.qos)), "%s%s", text, q.topic)
		}
	})
}
