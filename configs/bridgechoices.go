package configs

// BridgeOrder says which upstream is used.
type BridgeOrder string

// Which upstream is used.
const (
	OrderPriority BridgeOrder = "priority"
	OrderRotate   BridgeOrder = "rotate"
	OrderRandom   BridgeOrder = "random"
)

func (BridgeOrder) allowed() []string {
	return []string{string(OrderPriority), string(OrderRotate), string(OrderRandom)}
}

// Resend says what happens at a switch to messages whose fate is not known.
type Resend string

// What happens to messages whose fate is not known.
const (
	ResendAtLeastOnce Resend = "at-least-once"
	ResendAtMostOnce  Resend = "at-most-once"
)

func (Resend) allowed() []string {
	return []string{string(ResendAtLeastOnce), string(ResendAtMostOnce)}
}

// BridgeQoS is the QoS of what comes over a bridge.
type BridgeQoS string

// The QoS of what comes over a bridge.
const (
	QoSKeep  BridgeQoS = "keep"
	QoS0     BridgeQoS = "0"
	QoS1     BridgeQoS = "1"
	QoS2     BridgeQoS = "2"
	QoSMost0 BridgeQoS = "max-0"
	QoSMost1 BridgeQoS = "max-1"
)

func (BridgeQoS) allowed() []string {
	return []string{string(QoSKeep), string(QoS0), string(QoS1), string(QoS2), string(QoSMost0), string(QoSMost1)}
}

// BridgeRetain is what a bridge does with RETAIN.
type BridgeRetain string

// What a bridge does with RETAIN.
const (
	RetainKeep  BridgeRetain = "keep"
	RetainSet   BridgeRetain = "set"
	RetainClear BridgeRetain = "clear"
)

func (BridgeRetain) allowed() []string {
	return []string{string(RetainKeep), string(RetainSet), string(RetainClear)}
}

// BridgeRetained says when Retained Messages that are there come over a bridge.
type BridgeRetained string

// When Retained Messages that are there come over a bridge.
const (
	RetainedNew    BridgeRetained = "new"
	RetainedAlways BridgeRetained = "always"
	RetainedNever  BridgeRetained = "never"
)

func (BridgeRetained) allowed() []string {
	return []string{string(RetainedNew), string(RetainedAlways), string(RetainedNever)}
}

// BridgeOverflow says what gives way when the spool of a bridge is full.
type BridgeOverflow string

// What gives way when the spool of a bridge is full.
const (
	BridgeSlowPublisher BridgeOverflow = "slow-publisher"
	BridgeDropOldest    BridgeOverflow = "drop-oldest"
	BridgeDropNewest    BridgeOverflow = "drop-newest"
)

func (BridgeOverflow) allowed() []string {
	return []string{string(BridgeSlowPublisher), string(BridgeDropOldest), string(BridgeDropNewest)}
}

// Acknowledge says when who publishes to a bridge is told that a message is safe.
type Acknowledge string

// When a message is said to be safe.
const (
	AcknowledgeLocal  Acknowledge = "local"
	AcknowledgeRemote Acknowledge = "remote"
)

func (Acknowledge) allowed() []string {
	return []string{string(AcknowledgeLocal), string(AcknowledgeRemote)}
}
