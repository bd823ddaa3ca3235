package actortest

import (
	"fmt"
	"io"

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

// Core is the core of a logger that writes into the text.
func (r *Recorder) Core() zapcore.Core {
	if r.trace == nil {
		return zapcore.NewNopCore()
	}
	encoder := zapcore.NewConsoleEncoder(zapcore.EncoderConfig{MessageKey: "message", LevelKey: "level", EncodeLevel: zapcore.LowercaseLevelEncoder})
	return zapcore.NewCore(encoder, zapcore.AddSync(r.trace), zapcore.DebugLevel)
}
