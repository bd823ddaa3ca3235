package troupe

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/memory"
	"github.com/troupemq/troupe/protocol/packet"
)

// flawed is a store of a program that panics once, when it is read for the n-th
// time from the moment on that n is set.
type flawed struct {
	*memory.Store
	n atomic.Int32
}

func (f *flawed) fail() {
	if f.n.Add(-1) == 0 {
		panic("a flaw of the store")
	}
}

func (f *flawed) Get(dst, key []byte) ([]byte, error) {
	f.fail()
	return f.Store.Get(dst, key)
}

func (f *flawed) Scan(prefix, from []byte, visit func(key, value []byte) bool) error {
	f.fail()
	return f.Store.Scan(prefix, from, visit)
}

var _ persistence.Store = (*flawed)(nil)

// A store that panics when it is read is one that has an error: what was to be read
// is read again, and nobody but who waits for it notices.
func TestStoreThatPanicsWhenRead(t *testing.T) {
	const session, messages = "a session cannot be read, that is tried again", "messages that wait for a client cannot be read, that is tried again"
	for n, said := range map[int32]string{1: session, 3: session, 4: messages} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			store := &flawed{Store: memory.New()}
			run := func(options ...Option) *Broker {
				return start(t, append(options, WithStore(store))...)
			}
			b := run()
			away := connect(t, b, "away")
			away.subscribe(packet.QoS1, "t")
			away.leave()
			require.Equal(t, packet.Success, connect(t, b, "from").publish(packet.QoS1, "t", "waits"))
			require.NoError(t, b.Shutdown(within(t)))

			log := newDiary()
			b = run(log.option())
			store.n.Store(n)
			again := connect(t, b, "away")
			require.True(t, again.present)
			again.gets("waits")
			log.await(t, 1, said, "error", "the store panicked: a flaw of the store")
		})
	}
}
