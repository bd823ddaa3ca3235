package session

import (
	"bytes"

	"github.com/troupemq/troupe/protocol/packet"
)

const (
	// ViaProperty is the User Property that says by which Servers a message came over bridges: their Limits.Instance, separated by commas, the
	// first one first.
	ViaProperty = "troupe-via"
	// BridgeProperty is the User Property of a CONNECT by which a bridge tells that it is one, and of which Server.
	BridgeProperty = "troupe-bridge"
)

// announced tells whether a Client says that it is a bridge.
func announced(c *packet.Connect) bool {
	for name := range c.UserProperties.All() {
		if string(name) == BridgeProperty {
			return true
		}
	}
	return false
}

// looped tells whether a message that a bridge brings has been here before.
func (s *Session) looped(u packet.UserProperties) bool {
	own := s.limits.Instance
	if len(u) == 0 || own == "" {
		return false
	}
	for name, value := range u.All() {
		if string(name) != ViaProperty {
			continue
		}
		for server := range bytes.SplitSeq(value, []byte(",")) {
			if string(server) == own {
				return true
			}
		}
	}
	return false
}
