package troupe

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/troupemq/troupe/configs"
)

// patience is how long anything may take that is bound to happen. It decides
// how late a broken broker is noticed and nothing else.
const patience = 20 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// within is a context that ends when the test's patience does.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// start runs a broker on a free port without $SYS traffic and without a data
// directory, unless an option or change gives it one, and checks at the end
// of the test that it leaves no goroutine.
func start(t testing.TB, options ...Option) *Broker {
	t.Helper()
	return startWith(t, func(*configs.Config) {}, options...)
}

func startWith(t testing.TB, change func(*configs.Config), options ...Option) *Broker {
	t.Helper()
	before := goleak.IgnoreCurrent()
	c := configs.Defaults()
	c.DataDir = ""
	c.Listeners[0].Address = "127.0.0.1:0"
	c.Sys.Interval = 0
	c.Shutdown.GracePeriod = 0
	c.Limits.EventLoops = 2
	change(&c)
	b, err := New(append([]Option{WithConfig(c)}, options...)...)
	require.NoError(t, err)
	require.NoError(t, b.Start(within(t)))
	t.Cleanup(func() {
		require.NoError(t, b.Shutdown(context.Background()))
		goleak.VerifyNone(t, before)
	})
	return b
}

// diary is a logger that tests can wait on.
type diary struct {
	zapcore.LevelEnabler
	with    []zapcore.Field
	mu      *sync.Mutex
	more    *sync.Cond
	entries *[]line
}

type line struct {
	message string
	fields  map[string]any
}

func newDiary() diary {
	mu := new(sync.Mutex)
	return diary{zapcore.InfoLevel, nil, mu, sync.NewCond(mu), new([]line)}
}

func (j diary) option() Option { return WithLogger(zap.New(j)) }

func (j diary) Sync() error { return nil }

func (j diary) With(fields []zapcore.Field) zapcore.Core {
	j.with = append(slices.Clip(j.with), fields...)
	return j
}

func (j diary) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if j.Enabled(e.Level) {
		return checked.AddCore(e, j)
	}
	return checked
}

func (j diary) Write(e zapcore.Entry, fields []zapcore.Field) error {
	encoded := zapcore.NewMapObjectEncoder()
	for _, f := range append(slices.Clip(j.with), fields...) {
		f.AddTo(encoded)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	*j.entries = append(*j.entries, line{e.Message, encoded.Fields})
	j.more.Broadcast()
	return nil
}

// await waits for the n-th line with that message, and those fields as pairs.
func (j diary) await(t testing.TB, n int, message string, pairs ...any) line {
	t.Helper()
	late := false
	timer := time.AfterFunc(patience, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		late = true
		j.more.Broadcast()
	})
	defer timer.Stop()
	j.mu.Lock()
	defer j.mu.Unlock()
	for {
		found := 0
		for _, e := range *j.entries {
			same := e.message == message
			for i := 0; same && i < len(pairs); i += 2 {
				same = e.fields[pairs[i].(string)] == pairs[i+1]
			}
			if same {
				if found++; found == n {
					return e
				}
			}
		}
		if late {
			require.FailNow(t, "not logged", "%q %v, but: %v", message, pairs, *j.entries)
		}
		j.more.Wait()
	}
}

// count tells how many lines have that message.
func (j diary) count(message string) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range *j.entries {
		if e.message == message {
			n++
		}
	}
	return n
}
