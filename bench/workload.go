package bench

import (
	"time"

	"github.com/troupemq/troupe/protocol/packet"
)

// Kind is what the clients of a Workload do.
type Kind string

const (
	// Messages go from publishers to subscribers, in a closed or an open loop.
	Messages Kind = "messages"
	// Connects are connections made and closed as fast as the broker allows.
	Connects Kind = "connects"
	// Idle are connections that stay and say nothing: what each occupies.
	Idle Kind = "idle"
	// Retained are Retained Messages, published and then fetched by one subscriber.
	Retained Kind = "retained"
	// Queued are messages for Sessions whose Clients are away: what each occupies.
	Queued Kind = "queued"
	// Acknowledged are messages of QoS 1 for Sessions whose Clients are away, published as fast as the broker acknowledges them:
	// what its promise costs to keep them.
	Acknowledged Kind = "acknowledged"
)

// Loop is how publishers are paced.
type Loop string

const (
	// Closed: a publisher keeps Window messages on the way and sends another when one has arrived. It asks for throughput.
	Closed Loop = "closed"
	// Open: each message is due at a fixed time, and its latency counts from then, however late it left. It asks for latency.
	Open Loop = "open"
)

// Workload describes what is asked of a broker. Its fields are the keys of a workload file, and of the reports' JSON.
type Workload struct {
	Name  string `yaml:"name" json:"name"`
	Title string `yaml:"title" json:"title"` // one line for reports
	Kind  Kind   `yaml:"kind" json:"kind"`

	// Connections and Subscriptions (each with one Topic Filter) of Idle; Connections at once of Connects; publishers of
	// Acknowledged, each with a Session of its own to publish to.
	Connections   int `yaml:"connections,omitempty" json:"connections,omitempty"`
	Subscriptions int `yaml:"subscriptions,omitempty" json:"subscriptions,omitempty"`

	// Traffic of Messages. With more than one, all run at once and the first is the one that is measured; the others are
	// there to disturb it, and are checked for loss alone.
	Traffic []Traffic `yaml:"traffic,omitempty" json:"traffic,omitempty"`

	// Count is the number of Retained Messages, or of messages queued for each of Connections Sessions.
	Count int `yaml:"count,omitempty" json:"count,omitempty"`
	// Payload is the number of bytes of each of those, and of those of Acknowledged.
	Payload int `yaml:"payload,omitempty" json:"payload,omitempty"`
	// Window is how many messages each publisher of Acknowledged has on the way.
	Window int `yaml:"window,omitempty" json:"window,omitempty"`

	// WarmUp runs before anything is counted; Duration is what is counted. Connects, Messages and Acknowledged.
	WarmUp   time.Duration `yaml:"warm_up,omitempty" json:"warm_up,omitempty"`
	Duration time.Duration `yaml:"duration,omitempty" json:"duration,omitempty"`
}

// Traffic is one set of publishers and their subscribers.
type Traffic struct {
	Name        string `yaml:"name,omitempty" json:"name,omitempty"` // prefix of Topic Names and Client Identifiers; "bench" if empty
	Publishers  int    `yaml:"publishers" json:"publishers"`
	Subscribers int    `yaml:"subscribers" json:"subscribers"`
	// Topics is the number of Topic Names of each publisher, which it uses in turn.
	Topics int `yaml:"topics,omitempty" json:"topics,omitempty"`
	// Filters is the number of Topic Filters with a wildcard of each subscriber, all different. Above 0 every message matches
	// one of them, of one subscriber. At 0 the subscribers share the publishers' Topic Names evenly: as many of one as of the
	// other makes pairs, fewer subscribers fan in, more fan out.
	Filters int `yaml:"filters,omitempty" json:"filters,omitempty"`

	PublishQoS   packet.QoS `yaml:"publish_qos" json:"publish_qos"`
	SubscribeQoS packet.QoS `yaml:"subscribe_qos" json:"subscribe_qos"`
	// PublishVersion and SubscribeVersion are 4 (MQTT 3.1.1) or 5; 4 if 0.
	PublishVersion   packet.Version `yaml:"publish_version,omitempty" json:"publish_version,omitempty"`
	SubscribeVersion packet.Version `yaml:"subscribe_version,omitempty" json:"subscribe_version,omitempty"`
	// Payload is the number of bytes of a message. Below 24 there is no room for what tells a single message, and the
	// numbers sent and received alone are compared.
	Payload int `yaml:"payload" json:"payload"`

	Loop   Loop    `yaml:"loop" json:"loop"`
	Window int     `yaml:"window,omitempty" json:"window,omitempty"` // Closed: messages on the way per publisher
	Rate   float64 `yaml:"rate,omitempty" json:"rate,omitempty"`     // Open: messages per second of all publishers together
	// ReadRate bounds what each subscriber takes, in messages per second; 0: what comes.
	ReadRate float64 `yaml:"read_rate,omitempty" json:"read_rate,omitempty"`
	// Press has publishers send as fast as the broker reads, whatever has arrived: overload.
	Press bool `yaml:"press,omitempty" json:"press,omitempty"`
}
