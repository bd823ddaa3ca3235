package peer

import (
	"bytes"
	"strings"
	"sync"
)

// tailSize is how much of what a broker says is kept.
const tailSize = 4096

// tail keeps the end of what is written to it. The process's output and who asks about it are two goroutines.
type tail struct {
	mutex sync.Mutex
	kept  []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.kept = append(t.kept, b...)
	if excess := len(t.kept) - tailSize; excess > 0 {
		t.kept = append(t.kept[:0], t.kept[excess:]...)
		if _, rest, ok := bytes.Cut(t.kept, []byte("\n")); ok { // a line cut in two says little
			t.kept = append(t.kept[:0], rest...)
		}
	}
	return len(b), nil
}

// quote is how errors show it: nothing, or on lines of its own behind them.
func (t *tail) quote() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	text := strings.TrimSpace(strings.ToValidUTF8(string(t.kept), "?"))
	if text == "" {
		return ""
	}
	return "; it said:\n\t" + strings.ReplaceAll(text, "\n", "\n\t")
}
