package topic

import (
	"bytes"
	"fmt"
	"strings"
)

// Mapping turns the Topic Names that match one Topic Filter into names at
// another place: what the wildcards of that filter matched takes, in their
// order, the place of those of another. It is immutable.
type Mapping struct {
	from string
	// texts are what the target is around its wildcards, so that there is one
	// more than wildcards.
	texts     []string
	rest      bool // the last wildcard of the target is `#`
	separator bool // and what is before it ends with a separator, which goes with it
}

// NewMapping returns the Mapping from one Topic Filter to another, or to a Topic
// Name, with text put before and behind what that gives. An empty `to` stands
// for `from`: the name as it is. Each `+` of `to` takes what the `+` with its
// number in `from` matched, and `#` what `#` did; wildcards of `from` beyond
// those of `to` are left out. Where the topic is not valid, the error is around
// an [*Error].
func NewMapping(from, to, prefix, suffix string) (*Mapping, error) {
	if to == "" {
		to = from
	}
	for _, filter := range []string{from, to} {
		share, _, err := ParseFilter(filter)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", filter, err)
		}
		if share != "" {
			return nil, fmt.Errorf("%q is of a Shared Subscription; write only what follows the ShareName", filter)
		}
	}
	for _, affix := range []string{prefix, suffix} {
		if err := ValidateName(affix); affix != "" && err != nil {
			return nil, fmt.Errorf("%q: %w", affix, err)
		}
	}
	if there, wanted := strings.Count(from, "+"), strings.Count(to, "+"); wanted > there {
		return nil, fmt.Errorf("%q has %d `+` and %q only %d to take their places; write as many or fewer", to, wanted, from, there)
	}
	m := &Mapping{from: from, rest: strings.HasSuffix(to, "#"), separator: strings.HasSuffix(to, "/#")}
	if m.rest && !strings.HasSuffix(from, "#") {
		return nil, fmt.Errorf("%q ends with `#` and %q does not, so that nothing could take its place; end both with it, or neither", to, from)
	}
	m.texts = strings.Split(strings.TrimSuffix(to, "#"), "+")
	if m.rest {
		m.texts = append(m.texts, "")
	}
	m.texts[0] = prefix + m.texts[0]
	m.texts[len(m.texts)-1] += suffix
	if len(m.texts) == 1 && len(m.texts[0]) > MaxLength {
		return nil, ErrTooLong
	}
	if target := m.Target(); strings.HasPrefix(m.texts[0], "$") && target[0] != '$' {
		return nil, fmt.Errorf("prefix %q and suffix %q leave open where the first level of %q ends, which begins with `$`; end the prefix, or begin the suffix, with `/`", prefix, suffix, to)
	}
	return m, nil
}

// Filter returns the Topic Filter whose names are mapped.
func (m *Mapping) Filter() string { return m.from }

// Append appends to dst what a Topic Name is mapped to, and returns dst as it is
// and false if there is nothing: the name does not match, or what it gives is
// empty, too long or begins with a `$` that a wildcard matched, which would be a
// topic of the server that nobody wrote. `a/#` matches `a` as well; for that
// name the `#` of `to` and the separator before it are left out, so that `b/#`
// gives `b`.
func (m *Mapping) Append(dst, name []byte) (mapped []byte, ok bool) {
	if !Match(m.from, name) {
		return dst, false
	}
	mapped = append(dst, m.texts[0]...)
	from, more := m.from, true
	for next := 1; next < len(m.texts); {
		var wanted string
		wanted, from, _ = strings.Cut(from, "/")
		if wanted == "#" {
			if more {
				mapped = append(mapped, name...)
			} else if m.separator {
				mapped = mapped[:len(mapped)-1]
			}
			mapped = append(mapped, m.texts[next]...)
			break // it is the last
		}
		var level []byte
		level, name, more = bytes.Cut(name, []byte{'/'})
		if wanted != "+" || m.rest && next == len(m.texts)-1 {
			continue // a `+` beyond those of `to`, whose `#` is yet to come
		}
		mapped = append(append(mapped, level...), m.texts[next]...)
		next++
	}
	length := len(mapped) - len(dst)
	if length == 0 || length > MaxLength || m.texts[0] == "" && mapped[len(dst)] == '$' {
		return dst, false
	}
	return mapped, true
}

// Target returns a Topic Filter that matches all names that Append gives. It
// may match others too, where text is next to a wildcard in one level.
func (m *Mapping) Target() string {
	levels := strings.Split(strings.Join(m.texts, "+"), "/")
	last := len(levels) // the level of `#`
	if m.rest {
		last = strings.Count(strings.Join(m.texts[:len(m.texts)-1], "+"), "/")
		if m.separator && last > 0 && !strings.HasPrefix(m.texts[len(m.texts)-1], "/") && m.texts[len(m.texts)-1] != "" {
			last-- // `b/#` with a suffix of `x` gives `bx` too
		}
	}
	for i, level := range levels {
		switch {
		case i == last:
			return strings.Join(append(levels[:i], "#"), "/")
		case strings.Contains(level, "+"):
			levels[i] = "+"
		}
	}
	return strings.Join(levels, "/")
}

// Overlap tells whether there is a Topic Name that both Topic Filters match,
// which are without `$share/ShareName/`.
func Overlap(a, b string) bool {
	if hides(a, b) || hides(b, a) || a == "+" && b == "/#" || a == "/#" && b == "+" { // the last two have but the empty name
		return false
	}
	for {
		levelA, restA, moreA := strings.Cut(a, "/")
		levelB, restB, moreB := strings.Cut(b, "/")
		switch {
		case levelA == "#" || levelB == "#":
			return true
		case levelA != "+" && levelB != "+" && levelA != levelB:
			return false
		case !moreA: // `a/#` matches its parent `a` as well
			return !moreB || restB == "#"
		case !moreB:
			return restA == "#"
		}
		a, b = restA, restB
	}
}

// hides tells whether what filter a matches begins with `$`, and what b matches
// cannot [MQTT-4.7.2-1].
func hides(a, b string) bool {
	return strings.HasPrefix(a, "$") && (strings.HasPrefix(b, "+") || strings.HasPrefix(b, "#"))
}
