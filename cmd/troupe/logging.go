package main

import (
	"fmt"
	"io"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/troupemq/troupe/configs"
)

// newLogger makes the logger that everything below gets: lines to out, readable
// ones on a terminal, else one JSON object each with the time in RFC 3339.
func newLogger(c configs.Log, out io.Writer, terminal bool) (*zap.Logger, error) {
	level, err := zapcore.ParseLevel(string(c.Level))
	if err != nil {
		return nil, fmt.Errorf("log.level: %w", err)
	}
	format := zapcore.EncoderConfig{
		TimeKey:        "time",
		LevelKey:       "level",
		NameKey:        "logger",
		MessageKey:     "message",
		StacktraceKey:  "stack",
		EncodeTime:     zapcore.RFC3339NanoTimeEncoder,
		EncodeLevel:    zapcore.LowercaseLevelEncoder,
		EncodeDuration: zapcore.StringDurationEncoder,
	}
	encoder := zapcore.NewJSONEncoder(format)
	if c.Format == configs.LogConsole || c.Format == configs.LogAuto && terminal {
		format.EncodeTime = zapcore.TimeEncoderOfLayout("2006-01-02 15:04:05.000")
		format.EncodeLevel = zapcore.CapitalLevelEncoder
		format.ConsoleSeparator = "  "
		encoder = zapcore.NewConsoleEncoder(format)
	}
	// No stack traces by themselves: who reports a panic adds its own.
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(out)), level)), nil
}

// isTerminal tells whether f is a screen rather than a file or a pipe.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
