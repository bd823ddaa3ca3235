package actortest

import (
	"fmt"
	"io"
	"slices"

	"go.uber.org/zap/zapcore"
)

// Recorder keeps what happened in a simulation: always as a fingerprint, so
// that two runs can be compared, and as text if there is somewhere to write it.
type Recorder struct {
	sum   uint64
	trace io.Writer
}

// NewRecorder makes a recorder. trace may be nil.
func NewRecorder(trace io.Writer) *Recorder {
	return &Recorder{sum: 14695981039346656037, trace: trace}
}

// Fingerprint is different, but for an accident, for runs that differ.
func (r *Recorder) Fingerprint() uint64 { return r.sum }

// Note records that something happened, with its numbers.
func (r *Recorder) Note(what string, numbers ...int64) {
	for i := range len(what) {
		r.add(uint64(what[i]))
	}
	for _, n := range numbers {
		r.add(uint64(n))
	}
	if r.trace != nil {
		_, _ = fmt.Fprintln(r.trace, what, numbers)
	}
}

// Bytes records bytes.
func (r *Recorder) Bytes(what string, wire int64, b []byte) {
	r.Note(what, wire, int64(len(b)))
	if r.trace != nil {
		_, _ = fmt.Fprintf(r.trace, "\t% x\n", b)
	}
	for _, c := range b {
		r.add(uint64(c))
	}
}

// Printf adds a remark to the text. It costs nothing if there is none.
func (r *Recorder) Printf(format string, args ...any) {
	if r.trace != nil {
		_, _ = fmt.Fprintf(r.trace, format+"\n", args...)
	}
}

func (r *Recorder) add(n uint64) { r.sum = (r.sum ^ n) * 1099511628211 }

// Core is the core of a logger that writes into the text, without what is not
// the same each time.
func (r *Recorder) Core() zapcore.Core {
	if r.trace == nil {
		return zapcore.NewNopCore()
	}
	encoder := zapcore.NewConsoleEncoder(zapcore.EncoderConfig{MessageKey: "message", LevelKey: "level", EncodeLevel: zapcore.LowercaseLevelEncoder})
	return plain{zapcore.NewCore(encoder, zapcore.AddSync(r.trace), zapcore.InfoLevel)}
}

// plain is a core that leaves out stacks.
type plain struct{ zapcore.Core }

// With implements zapcore.Core.
func (p plain) With(fields []zapcore.Field) zapcore.Core { return plain{p.Core.With(fields)} }

// Check implements zapcore.Core.
func (p plain) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if p.Enabled(e.Level) {
		return checked.AddCore(e, p)
	}
	return checked
}

// Write implements zapcore.Core.
func (p plain) Write(e zapcore.Entry, fields []zapcore.Field) error {
	kept := slices.DeleteFunc(slices.Clone(fields), func(f zapcore.Field) bool { return f.Key == "stack" })
	return p.Core.Write(e, kept)
}
