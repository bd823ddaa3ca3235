package main

import (
	"fmt"

	"github.com/troupemq/troupe/bench/internal/message"
)

// Each publisher has topics 0 and 1, which plain subscriptions match, one that
// is shared, one for its Will, and some that retain.
const (
	plainTopics = 2
	sharedTopic = 2
	willTopic   = 3
	keptTopic   = 16 // and those behind it
	keptTopics  = 6
	topics      = keptTopic + keptTopics
)

// topicName is where the messages of a stream go. Retained ones are where no
// subscription but that of a reading matches: what deletes one has no payload
// that could say what it is.
func topicName(root string, s message.Stream) string {
	if s.Topic >= keptTopic {
		return fmt.Sprintf("%s/kept/%d/%d", root, s.Publisher, s.Topic-keptTopic)
	}
	return fmt.Sprintf("%s/%d/%d", root, s.Publisher, s.Topic)
}
