package auth

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// fileMost is the most that is read of a file of users or of rules, in bytes.
const fileMost = 64 << 20

// FileProblem is one thing wrong with a file of users or of rules.
type FileProblem struct {
	File string
	Line int // from 1; 0: the whole file
	Text string
}

// Error is FILE:LINE: text.
func (p *FileProblem) Error() string {
	if p.Line == 0 {
		return p.File + ": " + p.Text
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)
}

// FileProblems are all things wrong with a file, at least one, in the order of
// its lines.
type FileProblems []*FileProblem

// Error is one line: the first FileProblem and how many more there are.
func (p FileProblems) Error() string {
	if len(p) > 1 {
		return fmt.Sprintf("%v (and %d more)", p[0], len(p)-1)
	}
	return p[0].Error()
}

// ReadFile reads a file of users or of rules. An error is FileProblems.
func ReadFile(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, unreadable(name, err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, fileMost+1))
	if err != nil {
		return nil, unreadable(name, err)
	}
	if len(text) > fileMost {
		return nil, FileProblems{{File: name, Text: fmt.Sprintf("has more than %d MiB", fileMost>>20)}}
	}
	return text, nil
}

func unreadable(name string, err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		err = e.Err // without the path, which is named
	}
	return FileProblems{{File: name, Text: "cannot be read: " + err.Error()}}
}
