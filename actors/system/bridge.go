package system

import (
	"context"
	"log/slog"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// bridge is a slog.Handler over zap, for protoactor, whose INFO is for its own developers: it goes to the debug level.
type bridge struct{ core zapcore.Core }

func newBridge(log *zap.Logger) *bridge { return &bridge{core: log.Core()} }

func levelOf(l slog.Level) zapcore.Level {
	switch {
	case l >= slog.LevelError:
		return zapcore.ErrorLevel
	case l >= slog.LevelWarn:
		return zapcore.WarnLevel
	default:
		return zapcore.DebugLevel
	}
}

// Enabled implements slog.Handler.
func (b *bridge) Enabled(_ context.Context, l slog.Level) bool { return b.core.Enabled(levelOf(l)) }

// Handle implements slog.Handler.
func (b *bridge) Handle(_ context.Context, r slog.Record) error {
	entry := zapcore.Entry{Level: levelOf(r.Level), Time: r.Time, Message: r.Message, LoggerName: "actor"}
	checked := b.core.Check(entry, nil)
	if checked == nil {
		return nil
	}
	fields := make([]zapcore.Field, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		fields = append(fields, field(a))
		return true
	})
	checked.Write(fields...)
	return nil
}

// WithAttrs implements slog.Handler.
func (b *bridge) WithAttrs(attrs []slog.Attr) slog.Handler {
	fields := make([]zapcore.Field, len(attrs))
	for i, a := range attrs {
		fields[i] = field(a)
	}
	return &bridge{core: b.core.With(fields)}
}

// WithGroup implements slog.Handler.
func (b *bridge) WithGroup(name string) slog.Handler {
	return &bridge{core: b.core.With([]zapcore.Field{zap.Namespace(name)})}
}

func field(a slog.Attr) zapcore.Field { return zap.Any(a.Key, a.Value.Resolve().Any()) }
