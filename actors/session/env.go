package session

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/troupemq/troupe/actors/message"
	"github.com/troupemq/troupe/actors/routing"
	"github.com/troupemq/troupe/internal/auth"
	"github.com/troupemq/troupe/internal/eventloop"
	"github.com/troupemq/troupe/internal/hooks"
	"github.com/troupemq/troupe/internal/telemetry"
	"github.com/troupemq/troupe/protocol/packet"
	core "github.com/troupemq/troupe/protocol/session"
)

// Env is what the sessions of one event loop share. They run one at a time, so
// they may share scratch space too; it never holds anything between two
// messages.
type Env struct {
	Root   *actor.RootContext
	Loop   eventloop.Loop
	Tables *routing.Tables
	// Clients finds the registry that a Session belongs to.
	Clients *routing.Clients
	Limits  *core.Limits
	// Bridge gives the bounds of the Session of a bridge, by its Client Identifier.
	Bridge func(clientID string) *core.Limits
	// Total bounds what waits for all sessions of the instance together; 0: any
	// number.
	Total core.Left
	// Durability is how sessions are kept, nil if they are not.
	Durability *Durability
	Auth       *auth.Judge
	// AuthTimeout is how long a step of a re-authentication may take.
	AuthTimeout time.Duration
	// Hooks of the program that embeds the instance; nil: none.
	Hooks    *hooks.Hooks
	Counters *telemetry.Counters
	Numbers  *atomic.Uint64 // of receivers, one sequence for the instance
	Buffers  *Buffers
	Log      *zap.Logger

	out   core.Output
	left  core.Left // of the out
	codes []packet.ReasonCode
	spare *message.Packets
}

// limits are the bounds of the Session of a Client.
func (e *Env) limits(clientID string) *core.Limits {
	if message.OfBridge(clientID) {
		return e.Bridge(clientID)
	}
	return e.Limits
}

// Buffers is the instance's pool of output buffers: a session takes one when
// it has something to say, its connection gives it back when it is written.
type Buffers struct {
	pool sync.Pool
}

// bufferKept is the largest buffer that goes back to the pool, in bytes.
const bufferKept = 256 << 10

// Get returns an empty buffer.
func (b *Buffers) Get() *message.Packets {
	if p, ok := b.pool.Get().(*message.Packets); ok {
		return p
	}
	return &message.Packets{B: make([]byte, 0, 4<<10)}
}

// Put gives a buffer back. Nobody else may hold it.
func (b *Buffers) Put(p *message.Packets) {
	if cap(p.B) > bufferKept {
		return
	}
	p.B = p.B[:0]
	b.pool.Put(p)
}
