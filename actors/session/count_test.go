package session

import (
	"reflect"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/internal/telemetry"
	core "github.com/troupemq/troupe/protocol/session"
)

// Nothing that the core counts is lost on its way to the instance's counters.
func TestEveryCountReachesACounter(t *testing.T) {
	for field := range reflect.TypeFor[core.Counts]().Fields() {
		if field.Name == "Redelivered" {
			continue // a part of PublishSent
		}
		counters := new(telemetry.Counters)
		env := &Env{Limits: &core.Limits{}, Counters: counters, Numbers: new(atomic.Uint64), Log: zap.NewNop()}
		s := New(env, NewState(env, "c"), nil)

		var counts core.Counts
		reflect.ValueOf(&counts).Elem().FieldByIndex(field.Index).SetUint(3)
		s.count(&counts)

		sum := int64(0)
		for _, counter := range reflect.ValueOf(counters).Elem().Fields() {
			sum += counter.Addr().Interface().(*atomic.Int64).Load()
		}
		require.NotZero(t, sum, "%s reaches no counter", field.Name)
		require.Zero(t, sum%3, "%s is counted in part", field.Name)
	}
}

// TestSessionIsSmall holds what an idle Session keeps beside its cell: a byte
// more, and the next sizes are 256 and 112.
func TestSessionIsSmall(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(State{}), uintptr(240))
	require.LessOrEqual(t, unsafe.Sizeof(Session{}), uintptr(96))
}
