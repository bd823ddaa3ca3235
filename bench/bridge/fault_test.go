package bridge

import (
	"time"
)

// scene is a bridging broker and its upstream, with a proxy between them.
type scene struct {
	local    *broker
	proxy    *proxy
	upstream *broker
}

// fault is what happens to a link or an upstream while messages flow.
type fault struct {
	name  string
	begin func(*scene)
	last  time.Duration // that long
	end   func(*scene)
}

// faults that a link has to live through with one upstream.
func faults() []fault {
	healed := func(s *scene) { s.proxy.heal() }
	return []fault{
		{"latency", func(s *scene) { s.proxy.toxic("latency", `{"latency": 100, "jitter": 50}`) }, 2 * time.Second, healed},
		{"bandwidth", func(s *scene) { s.proxy.toxic("bandwidth", `{"rate": 1}`) }, 4 * time.Second, healed},
		{"silent cut", func(s *scene) { s.proxy.toxic("timeout", `{"timeout": 0}`) }, 4 * time.Second, healed},
		{"half-open, answers lost", func(s *scene) { s.proxy.toxic("timeout", `{"timeout": 0}`, "downstream") }, 4 * time.Second, healed},
		{"half-open, unheard", func(s *scene) { s.proxy.toxic("timeout", `{"timeout": 0}`, "upstream") }, 4 * time.Second, healed},
		{"reset", func(s *scene) { s.proxy.toxic("reset_peer", `{"timeout": 0}`) }, time.Second, healed},
		{"torn", func(s *scene) { s.proxy.toxic("limit_data", `{"bytes": 1500}`) }, 2 * time.Second, healed},
		{"down", func(s *scene) { s.proxy.down() }, time.Second, func(s *scene) { s.proxy.up() }},
		frozen(), killed(),
	}
}

func frozen() fault {
	return fault{"frozen", func(s *scene) { s.upstream.freeze() }, 4 * time.Second, func(s *scene) { s.upstream.thaw() }}
}

func killed() fault {
	return fault{"killed", func(s *scene) { s.upstream.kill() }, time.Second, func(s *scene) { s.upstream.start() }}
}

// happen lets it begin, last and end.
func (f fault) happen(s *scene) {
	f.begin(s)
	<-time.After(f.last)
	f.end(s)
}
