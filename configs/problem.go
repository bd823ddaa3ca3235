package configs

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Problem is one thing wrong with a configuration.
type Problem struct {
	// Key is the dotted key, as in listeners[0].address. Empty: the whole
	// source, as with a file that cannot be read.
	Key string
	// Source is where the value was written. The zero Source: not known, as in
	// a Config made by a program.
	Source Source
	// Text says what is wrong, with the value, and what is allowed.
	Text string

	// blame is the key whose source to name when Key was not written: what
	// made its default wrong.
	blame string
	// file tells that what is wrong is in a file that the value names.
	file bool
	// in is the entry of a list of instances that the Key is of.
	in string
}

// Error is one line: source, key, text.
func (p *Problem) Error() string {
	line := p.Text
	if p.Key != "" {
		line = p.Key + ": " + line
	}
	if p.Source != (Source{}) {
		line = p.Source.String() + ": " + line
	}
	return printable(line)
}

// printable is text with a line break or another control character, which keys
// and values of a file may hold, as Go would write it in quotes.
func printable(text string) string {
	var out strings.Builder
	for _, r := range text {
		if strconv.IsPrint(r) {
			out.WriteRune(r)
		} else {
			quoted := strconv.QuoteRune(r)
			out.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return out.String()
}

// Problems are all things found wrong with a configuration, at least one, in
// the order of the layers and of the keys.
type Problems []*Problem

// Error is one line: the first Problem and how many more there are.
func (p Problems) Error() string {
	if len(p) > 1 {
		return fmt.Sprintf("%v (and %d more)", p[0], len(p)-1)
	}
	return p[0].Error()
}

// Unwrap lets errors.As find the Problems.
func (p Problems) Unwrap() []error {
	errs := make([]error, len(p))
	for i := range p {
		errs[i] = p[i]
	}
	return errs
}

// Lines is p as an error whose text has a line for each Problem.
func (p Problems) Lines() error { return lines{p} }

type lines struct{ Problems }

func (l lines) Error() string {
	texts := make([]string, len(l.Problems))
	for i, problem := range l.Problems {
		texts[i] = problem.Error()
	}
	return strings.Join(texts, "\n")
}

func (l lines) Unwrap() error { return l.Problems }

// OfFiles tells whether an error is [Problems] with files that a configuration
// names and nothing else: certificates, keys, passwords, users, rules. These may be
// mended without the configuration, so that another start can succeed.
func OfFiles(err error) bool {
	var p Problems
	return errors.As(err, &p) && !slices.ContainsFunc(p, func(p *Problem) bool { return !p.file })
}

// err is p as an error, nil when there is none.
func (p Problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}
