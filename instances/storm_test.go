package instances

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe"
	"github.com/troupemq/troupe/configs"
)

// Many ask for everything at once while brokers die, do not start and start slowly:
// each is answered, there is never more than one broker of a name, and in the end
// each instance can be had to run.
func TestStorm(t *testing.T) {
	s := supervise(t, Options{})
	names := []string{"a", "b", "c", "d"}
	for _, name := range names {
		require.NoError(t, s.Launch(within(t), named(name, configs.OnFailureRestart)))
	}
	var storm sync.WaitGroup
	for n := range 8 {
		storm.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(n)))
			for i := range 200 {
				name := names[random.IntN(len(names))]
				ctx := within(t)
				switch random.IntN(8) {
				case 0, 1:
					_ = s.Start(ctx, name) // that it runs already, say
				case 2:
					_ = s.Stop(ctx, name)
				case 3:
					_, _ = s.Configure(ctx, name, named(name, configs.OnFailureRestart).Config)
				case 4:
					if err := s.Launch(ctx, named(fmt.Sprint("more", n, "-", i), configs.OnFailureStop)); err != nil {
						t.Error(err)
					}
				case 5:
					s.set(func() { s.wrong[name] = map[bool]error{true: errLost}[random.IntN(2) == 0] })
				default:
					s.mu.Lock()
					f := s.running[name]
					s.mu.Unlock()
					if f != nil {
						f.end(errors.New("died"))
					}
				}
				if ctx.Err() != nil {
					t.Error("nobody answers")
				}
			}
		})
	}
	storm.Wait()
	s.set(func() { clear(s.wrong) })
	for _, name := range names {
		require.Eventually(t, func() bool {
			_ = s.Start(within(t), name)
			return s.status(name).State == troupe.InstanceRunning
		}, patience, time.Millisecond)
	}
}
