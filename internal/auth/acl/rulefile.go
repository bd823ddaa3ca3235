package acl

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/troupemq/troupe/internal/spelling"
)

// ruleKeys are those of a rule, in the order in which they are told.
var ruleKeys = [...]string{"permission", "users", "anonymous", "clients", "actions", "topics", "qos", "retain"}

// rule reads one rule.
func (r *reading) rule(path string, node *yaml.Node) (rule rule) {
	fields := r.mapping(path, node, ruleKeys[:]...)
	if node.Kind != yaml.MappingNode {
		return rule
	}
	var actions, levels, retain terms
	for _, f := range fields {
		at := path + "." + f.key
		switch f.key {
		case "permission":
			rule.terms |= r.words(at, f.value, true, word{"allow", allow}, word{"deny", 0})
		case "users":
			rule.users = r.patterns(at, f.value, "")
		case "anonymous":
			ok := false
			if rule.anonymous, ok = r.truth(at, f.value); ok && !rule.anonymous {
				r.wrong(f.line, "%s: false says nothing; leave it out, and for all who have a user name write users: [\"*\"]", at)
			}
		case "clients":
			rule.clients = r.patterns(at, f.value, username)
		case "actions":
			actions = r.words(at, f.value, false, word{"publish", publish}, word{"subscribe", subscribe}, word{"connect", connect})
		case "topics":
			rule.topics = r.templates(at, f.value)
		case "qos":
			levels = r.levels(at, f.value)
		case "retain":
			retain = notRetained
			if yes, _ := r.truth(at, f.value); yes {
				retain = retained
			}
		}
	}
	if !meant(node, "permission") {
		r.wrong(node.Line, "%s: permission is missing", path)
	}
	if actions&connect != 0 {
		r.connecting(path, node, actions)
		rule.terms |= connect
		return rule
	}
	if !meant(node, "topics") {
		r.wrong(node.Line, "%s: topics is missing", path)
	}
	if retain != 0 && actions != publish {
		r.wrong(node.Line, "%s.retain: goes with actions: publish alone, since a subscription has no RETAIN", path)
	}
	rule.terms |= orAll(actions, everyAction) | orAll(levels, everyQoS) | orAll(retain, everyRetain)
	return rule
}

// connecting judges a rule about who may have which Client Identifier.
func (r *reading) connecting(path string, node *yaml.Node, actions terms) {
	if actions != connect {
		r.wrong(node.Line, "%s.actions: connect goes alone; write a rule of its own for it", path)
	}
	for _, key := range []string{"topics", "qos", "retain"} {
		if meant(node, key) {
			r.wrong(node.Line, "%s.%s: does not go with actions: connect, which is about users and Client Identifiers alone", path, key)
		}
	}
}

// meant tells whether a rule has a key, or one that is unknown and was to be that.
func meant(rule *yaml.Node, key string) bool {
	for i := 0; i < len(rule.Content); i += 2 {
		if name := rule.Content[i].Value; name == key || spelling.Nearest(name, ruleKeys[:]) == key {
			return true
		}
	}
	return false
}

func orAll(some, all terms) terms {
	if some == 0 {
		return all
	}
	return some
}

// word is one that a key may have, and what it stands for.
type word struct {
	text  string
	terms terms
}

// words reads the one word of a key, or a list of them.
func (r *reading) words(path string, node *yaml.Node, one bool, words ...word) (all terms) {
	names := make([]string, len(words))
	for i, w := range words {
		names[i] = w.text
	}
	if one && node.Kind != yaml.ScalarNode {
		r.wrong(node.Line, "%s: %s is not allowed; allowed: %s", path, describe(node), strings.Join(names, ", "))
		return 0
	}
	for _, e := range r.entries(path, node) {
		i := slices.Index(names, e.node.Value)
		if e.node.Kind != yaml.ScalarNode || i < 0 {
			r.wrong(e.node.Line, "%s: %s is not allowed; allowed: %s", e.path, describe(e.node), strings.Join(names, ", "))
			continue
		}
		all |= words[i].terms
	}
	return all
}

func (r *reading) levels(path string, node *yaml.Node) (all terms) {
	for _, e := range r.entries(path, node) {
		q, err := strconv.Atoi(e.node.Value)
		if e.node.Kind != yaml.ScalarNode || err != nil || q < 0 || q > 2 {
			r.wrong(e.node.Line, "%s: %s is not allowed; allowed: 0, 1, 2", e.path, describe(e.node))
			continue
		}
		all |= qos0 << q
	}
	return all
}

// patterns reads names, in which a placeholder may stand; "": none may.
func (r *reading) patterns(path string, node *yaml.Node, placeholder string) (all []pattern) {
	for _, e := range r.texts(path, node) {
		switch name := e.node.Value; {
		case name == "":
			r.wrong(e.node.Line, "%s: is empty; write a name, * for any, or leave the key out", e.path)
		case !utf8.ValidString(name) || strings.ContainsRune(name, 0):
			r.wrong(e.node.Line, "%s: %q is not text that MQTT can carry", e.path, name)
		case placeholder == "" && strings.Contains(name, "${"):
			r.wrong(e.node.Line, "%s: %q holds ${, which has a meaning in topics and clients alone", e.path, name)
		case strings.Contains(strings.ReplaceAll(name, placeholder, ""), "${"):
			r.wrong(e.node.Line, "%s: %q holds a ${ that is not known; there is %s", e.path, name, placeholder)
		default:
			all = append(all, newPattern(name))
		}
	}
	return all
}

func (r *reading) templates(path string, node *yaml.Node) (all []template) {
	for _, e := range r.texts(path, node) {
		t, err := newTemplate(e.node.Value)
		if err != nil {
			r.wrong(e.node.Line, "%s: %v", e.path, err)
			continue
		}
		all = append(all, t)
	}
	return all
}
