package bridge

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/troupemq/troupe/bridge/failover"
	"github.com/troupemq/troupe/configs"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// subscriptions are those by which the Session of a bridge gets what it hands on.
func subscriptions(c configs.Bridge) []session.Subscription {
	all := make([]session.Subscription, 0, len(c.Forward))
	for _, f := range c.Forward {
		qos, raise := qosOf(f.QoS, c.Queue.QoS0)
		all = append(all, session.Subscription{Filter: f.Local, Raise: raise, Options: packet.SubscriptionOptions{
			QoS: qos, NoLocal: true, RetainAsPublished: true, RetainHandling: retainHandling(f.Retained),
		}})
	}
	return all
}

// qosOf gives the most and the least QoS that a rule sends with.
func qosOf(rule configs.BridgeQoS, keepQoS0 bool) (most, least packet.QoS) {
	switch rule {
	case configs.QoS0, configs.QoSMost0:
		return packet.QoS0, packet.QoS0
	case configs.QoS1:
		return packet.QoS1, packet.QoS1
	case configs.QoS2:
		return packet.QoS2, packet.QoS2
	}
	if keepQoS0 {
		least = packet.QoS1
	}
	if rule == configs.QoSMost1 {
		return packet.QoS1, least
	}
	return packet.QoS2, least
}

// retainHandling is said when the rule is established.
func retainHandling(r configs.BridgeRetained) uint8 {
	switch r {
	case configs.RetainedAlways:
		return 0
	case configs.RetainedNever:
		return 2
	default:
		return 1
	}
}

// qos0Most bounds the QoS 0 messages, in bytes, that wait for an upstream which does not take them fast enough.
const qos0Most = 4 << 20

// Limits are those of the Session of a bridge; base are those of the instance.
func Limits(c configs.Bridge, base *session.Limits) *session.Limits {
	l := *base
	l.Bridge = true
	l.MaxInflight = uint16(c.MaxInflight)
	l.ExpiryMaximum = session.NoExpiry
	l.TopicAliasMaximum = 0
	l.Queue = session.QueueLimits{
		Messages: c.Queue.MaxMessages, Bytes: int64(c.Queue.Spool), Age: c.Queue.MaxAge.Std().Milliseconds(),
		Overflow: map[configs.BridgeOverflow]session.Overflow{
			configs.BridgeDropOldest: session.DropOldest, configs.BridgeDropNewest: session.DropNewest, configs.BridgeSlowPublisher: session.Slow,
		}[c.Queue.Overflow],
		QoS0Bytes: min(int64(c.Queue.Memory), qos0Most),
	}
	l.Portion(0, int64(c.Queue.Memory), 0)
	return &l
}

// Guards against links that do not keep to their own times, in milliseconds.
const (
	readyMore = 5_000  // beyond twice the time to connect
	leaveMost = 60_000 // until a link that is to leave is ended
)

// policy is how upstreams are chosen.
func policy(c configs.Bridge, r *rand.Rand) failover.Options {
	return failover.Options{
		Order: map[configs.BridgeOrder]failover.Order{
			configs.OrderPriority: failover.Priority, configs.OrderRotate: failover.Rotate, configs.OrderRandom: failover.Random,
		}[c.Order],
		StayFor: c.FailbackAfter.Std().Milliseconds(),
		Initial: c.Backoff.Initial.Std().Milliseconds(), Maximum: c.Backoff.Maximum.Std().Milliseconds(),
		ReadyIn: 2*c.ConnectTimeout.Std().Milliseconds() + readyMore, LeaveIn: leaveMost,
		Follow: c.FollowServerReference, Rand: r,
	}
}

// names are those of the upstreams.
func names(s Settings) (names []string) {
	for _, u := range s.Upstreams {
		names = append(names, u.Name())
	}
	return names
}

// entries tell what of the upstreams has changed: one with the same name is compared with the one that had it before.
func entries(before, after Settings) []failover.Entry {
	old, endpoints := before.Config.Endpoints(), after.Config.Endpoints()
	seen := make(map[string]int)
	all := make([]failover.Entry, len(after.Upstreams))
	for i, u := range after.Upstreams {
		name := u.Name()
		all[i].Name, all[i].Near = name, u.Near()
		nth := 0
		for j, was := range before.Upstreams {
			if was.Name() != name {
				continue
			}
			if nth == seen[name] {
				all[i].Changed = old[j] != endpoints[i] || was.ClientID() != u.ClientID() || was.Username() != u.Username() || !slices.Equal(was.Password(), u.Password())
				break
			}
			nth++
		}
		seen[name]++
	}
	return all
}

// linkPart is all that a link is made of besides its upstream, as text that differs if it does.
func linkPart(c configs.Bridge) string {
	c.Upstreams, c.Server, c.BackupServer = nil, "", ""
	c.ClientID, c.Username, c.Password, c.PasswordFile, c.TLS = "", "", "", "", configs.TLSClient{}
	c.Order, c.FailbackAfter, c.FollowServerReference, c.Backoff = "", 0, false, configs.Backoff{}
	c.ConnectTimeout, c.Queue, c.Acknowledge = 0, configs.BridgeQueue{}, ""
	return fmt.Sprintf("%#v", c)
}

// former are the Topic Filters at upstreams that were there before and have no rule any more.
func former(known []string, before, after configs.Bridge) []string {
	all := slices.Clone(known)
	for _, r := range before.Receive {
		all = append(all, r.Remote)
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(filter string) bool {
		return slices.ContainsFunc(after.Receive, func(r configs.Receive) bool { return r.Remote == filter })
	})
}
