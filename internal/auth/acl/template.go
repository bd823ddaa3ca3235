package acl

import (
	"fmt"
	"strings"

	"github.com/troupemq/troupe/internal/spelling"
	"github.com/troupemq/troupe/protocol/topic"
)

// What stands for a name of the Client.
const (
	clientID = "${clientid}"
	username = "${username}"
)

// template is a Topic Filter in which names of the Client may be left open.
type template struct {
	text  string
	parts []string // of text: a placeholder alone, or what is between them; nil: there is none
}

// newTemplate reads a Topic Filter of a rule.
func newTemplate(text string) (template, error) {
	var parts []string
	probe := text
	for rest := text; ; {
		before, after, open := strings.Cut(rest, "${")
		if !open {
			if parts != nil && rest != "" {
				parts = append(parts, rest)
			}
			break
		}
		name, after, closed := strings.Cut(after, "}")
		placeholder := "${" + name + "}"
		if !closed {
			return template{}, fmt.Errorf("%q has a ${ without its }; there are %s and %s", text, clientID, username)
		}
		if placeholder != clientID && placeholder != username {
			if near := spelling.Nearest(name, []string{"clientid", "username"}); near != "" {
				return template{}, fmt.Errorf("%q holds %s, which is not known; did you mean ${%s}?", text, placeholder, near)
			}
			return template{}, fmt.Errorf("%q holds %s, which is not known; there are %s and %s", text, placeholder, clientID, username)
		}
		if before != "" {
			parts = append(parts, before)
		}
		parts = append(parts, placeholder)
		probe = strings.Replace(probe, placeholder, "x", 1)
		rest = after
	}
	switch share, _, err := topic.ParseFilter(probe); {
	case err != nil:
		return template{}, fmt.Errorf("%q is not a Topic Filter: %w", text, err)
	case share != "":
		return template{}, fmt.Errorf("%q is of a Shared Subscription, which is judged by its Topic Filter; write only what follows $share/%s/", text, share)
	}
	return template{text, parts}, nil
}

// fill puts the names of a Client in. safe is false if they are not such that
// the Client could only mean itself by them: it has no such name, or one that
// would be read as more than a part of one level. filter is then one that matches
// whatever could have been meant; everything says that no filter does.
func (t *template) fill(client, user string) (filter string, safe, everything bool) {
	if t.parts == nil {
		return t.text, true, false
	}
	var b strings.Builder
	for _, part := range t.parts {
		value := part
		switch part {
		case clientID:
			value = client
		case username:
			value = user
		default:
			b.WriteString(part)
			continue
		}
		first := b.Len() == 0
		if value == "" || strings.ContainsAny(value, "+#/") || first && value[0] == '$' {
			level := strings.LastIndexByte(b.String(), '/') + 1
			if level == 0 {
				return "#", false, true // `#` leaves out what begins with `$`
			}
			return b.String()[:level] + "#", false, false
		}
		b.WriteString(value)
	}
	return b.String(), true, false
}
