package configs

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	koanfjson "github.com/knadh/koanf/parsers/json"
)

func parseJSON(text []byte) (map[string]any, map[string]int, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil, nil // as an empty file of the other languages
	}
	values, err := koanfjson.Parser().Unmarshal(text)
	if err != nil {
		if e := (*json.SyntaxError)(nil); errors.As(err, &e) {
			return nil, nil, Problems{atLine(lineOf(text, int(e.Offset)), e.Error())}
		}
		if e := (*json.UnmarshalTypeError)(nil); errors.As(err, &e) {
			return nil, nil, Problems{atLine(1, `holds no keys; write an object such as {"name": "troupe"}`)}
		}
		return nil, nil, Problems{atLine(0, strings.TrimPrefix(err.Error(), "json: "))}
	}
	l := jsonLines{text: text, decoder: json.NewDecoder(bytes.NewReader(text)), lines: make(map[string]int)}
	if err := l.value(""); err != nil {
		return nil, nil, err
	}
	return values, l.lines, nil
}

// jsonLines notes the line of every key and entry of a valid text.
type jsonLines struct {
	text    []byte
	decoder *json.Decoder
	lines   map[string]int // by path
}

// value walks over one value. Of two equal keys the parser would take the last
// and say nothing.
func (l *jsonLines) value(path string) error {
	token, err := l.decoder.Token()
	if err != nil {
		return err
	}
	if _, ok := l.lines[path]; !ok {
		l.lines[path] = l.line() // an entry; a key has the line of its name
	}
	switch token {
	case json.Delim('{'):
		seen := make(map[string]bool)
		for l.decoder.More() {
			name, err := l.decoder.Token()
			if err != nil {
				return err
			}
			at := join(path, name.(string))
			if seen[at] {
				return Problems{{Key: at, Source: Source{Line: l.line()}, Text: "is there a second time"}}
			}
			seen[at] = true
			l.lines[at] = l.line()
			if err := l.value(at); err != nil {
				return err
			}
		}
		_, err = l.decoder.Token()
	case json.Delim('['):
		for i := 0; l.decoder.More(); i++ {
			if err := l.value(entry(path, i)); err != nil {
				return err
			}
		}
		_, err = l.decoder.Token()
	}
	return err
}

// line is where the decoder is.
func (l *jsonLines) line() int { return lineOf(l.text, int(l.decoder.InputOffset())) }
