package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupemq/troupe/bench/internal/client"
	"github.com/troupemq/troupe/protocol/packet"
)

// failuresInRow is how many connects of one client may fail, one after another, before the run does.
const failuresInRow = 10

// small is the read buffer of a client that gets little, in bytes.
const small = 256

// connects has clients connect, wait for CONNACK, disconnect and begin anew.
func (r *run) connects(ctx context.Context) error {
	var made, failed, number atomic.Int64
	var stopping atomic.Bool
	var clients sync.WaitGroup
	for range r.workload.Connections {
		clients.Go(func() {
			for row := 0; !stopping.Load() && ctx.Err() == nil; {
				n := int(number.Add(1))
				c, err := r.dial(ctx, n, client.Options{ID: fmt.Sprintf("%s-%d", r.workload.Name, n%1_000_000), Version: packet.V311, ReadSize: small})
				if err == nil {
					c.Close()
					made.Add(1)
					row = 0
					continue
				}
				if ctx.Err() != nil {
					return
				}
				failed.Add(1)
				if row++; row == failuresInRow {
					r.cancel(err)
				}
			}
		})
	}
	defer func() {
		stopping.Store(true)
		clients.Wait()
	}()
	c := clock{began: time.Now()}
	if err := r.watch(ctx, Warming, c, 0, r.workload.WarmUp, made.Load); err != nil {
		return err
	}
	r.resetPeak()
	began, before, failedBefore := time.Now(), made.Load(), failed.Load()
	used, err := r.used()
	if err != nil {
		return err
	}
	err = r.watch(ctx, Measuring, c, r.workload.WarmUp, r.workload.Duration, made.Load)
	r.result.Took = time.Since(began)
	n := made.Load() - before
	r.result.Connects = &Churn{Count: n, Failed: failed.Load() - failedBefore, PerSecond: float64(n) / r.result.Took.Seconds()}
	err = errors.Join(err, r.account(used, n))
	r.notePeak()
	return err
}
