package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// JSON writes the form that Read reads. Its fields are in docs/benchmarks.md.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// Read reads what JSON wrote. Text that is no report, and a report of another Schema, are refused by name.
func Read(from io.Reader) (*Report, error) {
	text, err := io.ReadAll(from)
	if err != nil {
		return nil, err
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		if wrong := (*json.SyntaxError)(nil); errors.As(err, &wrong) {
			return nil, fmt.Errorf("not the JSON report of a benchmark: byte %d: %w", wrong.Offset, err)
		}
		return nil, fmt.Errorf("not the JSON report of a benchmark: %w", err)
	}
	switch head.Schema {
	case Schema:
	case "":
		return nil, errors.New(`not the JSON report of a benchmark: it has no "schema"`)
	default:
		return nil, fmt.Errorf("its schema is %q, and this program reads %q: use the program that wrote it, or measure again", head.Schema, Schema)
	}
	r := new(Report)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("not in order with schema %q: %w", Schema, err)
	}
	return r, nil
}
