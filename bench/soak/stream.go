package main

import "github.com/troupemq/troupe/bench/internal/message"

// Each client publishes to topics 0 and 1, which are plain, and to sharedTopic,
// which goes to the Shared Subscription, with each QoS.
const (
	topics      = 3
	sharedTopic = 2
	streams     = topics * 3 // of a publisher
)

// index is the place of a stream among those of its publisher.
func index(s message.Stream) int { return s.Topic*3 + int(s.QoS) }
