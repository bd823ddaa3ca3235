package password

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/troupemq/troupe/internal/auth"
)

// Users are those of one file. They are immutable but for what is remembered of
// who was here.
type Users struct {
	hashes   map[string]*hash
	nobody   *hash // costs what those of users cost
	verified verified
	sum      [sha256.Size]byte // of the text they are from
}

// Read reads a file. An error is [auth.FileProblems], all that is wrong with it.
func Read(name string) (*Users, error) {
	text, err := auth.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return parse(name, text)
}

// Len is how many there are.
func (u *Users) Len() int { return len(u.hashes) }

// Same tells whether both are from the same text.
func (u *Users) Same(other *Users) bool { return u.sum == other.sum }

// Names are those of all users, in their alphabetic order.
func (u *Users) Names() []string { return slices.Sorted(maps.Keys(u.hashes)) }

// have tells whether there is a user of that name, with that hash.
func (u *Users) have(name string, h *hash) bool {
	if u == nil {
		return false
	}
	now := u.hashes[name]
	return now == h || now != nil && now.same(h)
}

// Check tells whether there is a user of that name, and whether the password is
// his. It takes as long as hashing does.
func (u *Users) Check(name string, password []byte) (known, right bool) {
	h, known := u.hashes[name]
	if !known {
		h = u.nobody
	}
	right = h.matches(password)
	return known, known && right
}

func parse(file string, text []byte) (*Users, error) {
	u := &Users{hashes: make(map[string]*hash), sum: sha256.Sum256(text)}
	at := make(map[string]int) // the line of each name
	var problems auth.FileProblems
	number := 0
	for line := range bytes.Lines(text) {
		number++
		l := parseLine(line, number == 1)
		if !l.user {
			continue
		}
		h, err := l.judge()
		if first, twice := at[l.name]; err == nil && twice {
			err = fmt.Errorf("user %q is in line %d already; leave one of them", l.name, first)
		}
		if err != nil {
			problems = append(problems, &auth.FileProblem{File: file, Line: number, Text: err.Error()})
			continue
		}
		at[l.name] = number
		u.hashes[l.name] = h
		if u.nobody == nil {
			u.nobody = newNobody(h)
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	if u.nobody == nil {
		u.nobody = newNobody(&hash{memory: memoryKiB, iterations: iterations, threads: threads, key: make([]byte, keyBytes)})
	}
	return u, nil
}

// newNobody is a hash that no password has, and that costs what another costs.
func newNobody(like *hash) *hash {
	return &hash{memory: like.memory, iterations: like.iterations, threads: like.threads, salt: make([]byte, saltBytes), key: make([]byte, len(like.key))}
}

// line is one of a file.
type line struct {
	user       bool // otherwise it is empty, or a comment
	name, hash string
	colon      bool
}

func parseLine(text []byte, first bool) line {
	if first {
		text = bytes.TrimPrefix(text, []byte("\ufeff")) // editors of Windows put a mark there
	}
	s := strings.TrimRight(string(text), "\r\n")
	if trimmed := strings.TrimSpace(s); trimmed == "" || trimmed[0] == '#' {
		return line{}
	}
	name, hash, colon := strings.Cut(s, ":")
	return line{true, name, hash, colon}
}

func (l *line) judge() (*hash, error) {
	if !l.colon {
		return nil, errors.New("has no colon; a line is NAME:HASH, as troupe passwd set writes it")
	}
	if err := CheckName(l.name); err != nil {
		return nil, err
	}
	h, err := parseHash(strings.TrimRight(l.hash, " \t"))
	if err != nil {
		return nil, fmt.Errorf("user %q: %w", l.name, err)
	}
	return h, nil
}

// CheckName tells why a user cannot have a name; nil: he can.
func CheckName(name string) error {
	allowed := "; allowed: up to 65535 bytes of text without a colon, which do not begin with # and neither begin nor end with a space"
	switch {
	case name == "":
		return errors.New("the name of the user is empty" + allowed)
	case len(name) > 65535:
		return fmt.Errorf("the name of the user has %d bytes%s", len(name), allowed)
	case !utf8.ValidString(name), strings.ContainsFunc(name, unicode.IsControl), strings.Contains(name, ":"),
		strings.HasPrefix(name, "#"), strings.TrimSpace(name) != name:
		return fmt.Errorf("%q is no name of a user%s", name, allowed)
	}
	return nil
}
