package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/configs"
)

func TestLogFormat(t *testing.T) {
	for _, c := range []struct {
		format   configs.LogFormat
		terminal bool
		json     bool
	}{
		{configs.LogAuto, true, false},
		{configs.LogAuto, false, true},
		{configs.LogConsole, false, false},
		{configs.LogJSON, true, true},
	} {
		var out bytes.Buffer
		logger, err := newLogger(configs.Log{Level: configs.LogInfo, Format: c.format}, &out, c.terminal)
		require.NoError(t, err)
		logger.Info("connected", zap.String("client", "c1"), zap.Duration("after", time.Second))
		if !c.json {
			require.Regexp(t, `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}  INFO  connected  \{"client": "c1", "after": "1s"\}\n$`, out.String())
			continue
		}
		var line map[string]string
		require.NoError(t, json.Unmarshal(out.Bytes(), &line))
		_, err = time.Parse(time.RFC3339Nano, line["time"])
		require.NoError(t, err)
		delete(line, "time")
		require.Equal(t, map[string]string{"level": "info", "message": "connected", "client": "c1", "after": "1s"}, line)
	}
}

func TestLogLevel(t *testing.T) {
	for level, want := range map[configs.LogLevel]int{configs.LogDebug: 4, configs.LogInfo: 3, configs.LogWarn: 2, configs.LogError: 1} {
		var out bytes.Buffer
		logger, err := newLogger(configs.Log{Level: level, Format: configs.LogJSON}, &out, false)
		require.NoError(t, err)
		logger.Debug("d")
		logger.Info("i")
		logger.Warn("w")
		logger.Error("e") // with no stack: one line
		require.Equal(t, want, bytes.Count(out.Bytes(), []byte("\n")), level)
		require.NotContains(t, out.String(), "stack")
	}
	_, err := newLogger(configs.Log{Level: "loud"}, &bytes.Buffer{}, false)
	require.Error(t, err)
}

func TestFileIsNoTerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	defer f.Close()
	require.False(t, isTerminal(f))
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	require.False(t, isTerminal(w))
}

// What check warns of is in the log of serve, with its place.
func TestServeWarns(t *testing.T) {
	p := serveProcess(t, "bridges:\n- name: idle\n  upstreams: ['unix:///no/such/socket']\n", "--log-format=json")
	require.Regexp(t, `"level":"warn".*"key":"bridges\[0\]","source":"[^"]*c\.yaml:2","warning":"has no rule in forward or receive, so that it only connects"`, p.log.String())
}
