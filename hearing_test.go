package troupe

import (
	"strconv"
	"strings"

	"github.com/troupemq/troupe/actors/actortest"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/topic"
)

// look takes what came from the server.
func (u *user) look() {
	if u.peer == nil {
		return
	}
	peer := u.peer
	for {
		b := peer.Receive()
		if b == nil {
			break
		}
		events, err := u.client.Receive(b)
		if err != nil {
			u.fail("%s: the server broke the protocol: %v", u.name, err)
		}
		for _, e := range events {
			u.hear(e)
		}
		if u.rng.IntN(3) == 0 {
			break
		}
	}
	if u.peer != nil && peer.Gone() {
		u.lost()
	}
}

func (u *user) hear(event any) {
	now := u.tick()
	switch e := event.(type) {
	case actortest.Accepted:
		u.accepted(&e, now)
	case actortest.Delivered:
		u.delivered(&e.Publish, now)
	case actortest.Acknowledged:
		s := e.Tag.(*sending)
		u.recorder.Printf("%s has m%d acknowledged with %v", u.name, s.id, e.Code)
		u.judgeAnswer(s, e.Code, now)
		s.acked, s.code = now, e.Code
	case actortest.Subscribed:
		u.subscribed(&e, now)
	case actortest.Unsubscribed:
		for _, name := range e.Filters {
			for _, s := range u.subscriptions {
				if s.name == string(name) && s.until <= u.asking[e.Unsubscribe] && s.from < s.until {
					s.gone = min(s.gone, now)
				}
			}
		}
	case actortest.Pong:
		u.pings--
		if u.pings == 0 {
			for _, s := range u.asked {
				s.acked = now
			}
			u.asked = nil
		}
	case actortest.Disconnected:
		u.recorder.Printf("%s is told %v", u.name, e.Code)
		switch e.Code {
		case packet.KeepAliveTimeout, packet.SessionTakenOver, packet.ServerShuttingDown:
		default:
			u.fail("%s is disconnected with %v", u.name, e.Code)
		}
	}
}

// accepted holds Session Present to the facts [MQTT-3.2.2-2], [MQTT-3.2.2-3].
func (u *user) accepted(e *actortest.Accepted, step int) {
	l, now := u.attempt, u.scheduler.Now()
	u.recorder.Printf("%s is accepted with %v, session present %v", u.name, e.Code, e.Present)
	if u.laws.ruled && (e.Code == packet.ServerBusy || e.Code == packet.ServerUnavailable) { // its CONNECT came so late that it could not be judged in time
		return
	}
	if e.Code != packet.Success {
		u.fail("%s is refused with %v", u.name, e.Code)
		return
	}
	l.accepted, l.began, u.phase = true, step, online
	want, known := u.presence(l, now)
	if u.client.Version == packet.V31 { // CONNACK does not say
		e.Present = want
	} else if known && want != e.Present {
		u.fail("%s: session present is %v on connection %d, the facts are %v", u.name, e.Present, l.peer.Number(), want)
	}
	u.judgeAttempts(l, e.Present, now)
	if e.Present {
		if u.cellar != nil && u.restarted > u.heard {
			u.happened.revivals++
		}
		u.happened.resumes++
	} else if known || u.client.Version != packet.V31 {
		for _, s := range u.subscriptions {
			s.until, s.gone = min(s.until, step), min(s.gone, step)
		}
		u.begin()
	}
	u.session, u.expiry, u.since, u.heard = there, l.expiry, step, now
	u.lose(e.Lost)
	if len(e.Resend) > 0 {
		u.resend(e.Resend)
	}
}

// resend sends again what was not acknowledged.
func (u *user) resend(frames []byte) {
	u.peer.Send(frames)
	for at := 0; at < len(frames); {
		h, _, _ := packet.ReadHeader(frames[at:], 0)
		if h.Type == packet.TypePublish {
			var p packet.Publish
			if err := p.Decode(frames[at:at+h.FrameSize()], u.client.Version); err == nil {
				if s := u.find(&p); s != nil {
					s.sends++
				}
			}
		}
		at += h.FrameSize()
	}
}

// presence is whether the Session of before must be there.
func (u *user) presence(l *attempt, now int64) (want, known bool) {
	switch {
	case l.clean || u.session == gone:
		return false, true
	case u.session == unsure:
		return false, false
	case u.expiry == 0:
		return false, true
	case u.expiry == 0xFFFFFFFF:
		return true, true
	}
	before := u.before(l)
	if before == nil || before.peer.Closed() == 0 {
		return true, true
	}
	due, latest := u.spell(before, u.expiry)
	switch {
	case now < due-late:
		return true, true
	case l.sent > latest+late:
		return false, true
	default:
		return false, false
	}
}

// spell is when an interval in seconds is over that begins with the end of a
// connection, in Unix ms, and when at the latest: it may begin anew with a crash.
func (w *world) spell(l *attempt, interval uint32) (due, latest int64) {
	due = l.peer.Closed() + int64(interval)*1000
	if w.cellar == nil {
		return due, due
	}
	return due, max(l.peer.Closed(), w.restarted) + int64(interval)*1000
}

// late is how many milliseconds lie between what a session does at the end of a
// connection and the end of the connection, or its being told.
const late = 2000 + 2*slack

// before is the last connection before l.
func (u *user) before(l *attempt) (before *attempt) {
	for _, other := range u.attempts {
		if other != l && other.accepted {
			before = other
		}
	}
	return before
}

func (u *user) subscribed(e *actortest.Subscribed, now int) {
	for i, f := range e.Filters {
		// Of those that were asked for and not answered, the first.
		for _, s := range u.subscriptions {
			if s.name == string(f.Filter) && s.life == u.life && s.sure == never && s.from > u.attempt.began {
				if !u.judgeSuback(s, e.Codes[i], now) {
					u.recorder.Printf("%s is refused %s with %v", u.name, s.name, e.Codes[i])
					s.from, s.until, s.gone, s.life = never, 0, 0, -1 // there was none
					break
				}
				s.sure = now
				u.recorder.Printf("%s is subscribed to %s", u.name, s.name)
				break
			}
		}
	}
}

// find tells which message a PUBLISH brings, nil: one of ours that is not checked.
func (w *world) find(p *packet.Publish) *sending {
	text, _, ok := strings.Cut(string(p.Payload), ";")
	if !ok || text == "" || text[0] != 'm' {
		return nil
	}
	id, err := strconv.Atoi(text[1:])
	if err != nil || id >= len(w.messages) {
		return nil
	}
	return w.messages[id]
}

// delivered judges a message that came.
func (u *user) delivered(p *packet.Publish, now int) {
	s := u.find(p)
	if s == nil {
		return // a removal of a retained message, or what made an actor fail
	}
	u.recorder.Printf("%s gets m%d on %s, QoS %d, dup %v, retain %v", u.name, s.id, p.Topic, p.QoS, p.Dup, p.Retain)
	u.happened.deliveries++
	if u.refused(s) {
		u.fail("%s gets m%d of %s, which was refused", u.name, s.id, s.from.name)
	}
	if string(p.Topic) != s.topic || string(p.Payload) != u.laws.text(s) {
		u.fail("%s: m%d came changed, on %s", u.name, s.id, p.Topic)
		return
	}
	if p.Retain && !s.retain {
		u.fail("%s: m%d came with RETAIN", u.name, s.id)
	}
	var highest packet.QoS
	var ids []uint32
	plain, shares, replayed := 0, make(map[string]bool), false
	for _, sub := range u.subscriptions {
		if !topic.Match(sub.topic, s.topic) || sub.noLocal && s.from == u && !p.Retain {
			continue
		}
		replayed = replayed || p.Retain && !sub.share && sub.gone > s.sent
		// What a member of a shared subscription leaves behind may go to one that came later.
		if sub.gone < s.sent || s.acked != 0 && sub.from > s.acked && !p.Retain && !sub.share {
			continue
		}
		highest = max(highest, sub.qos)
		ids = append(ids, sub.id)
		if sub.share {
			shares[sub.name] = true
		} else {
			plain = 1
		}
	}
	if s.attempt == nil { // a Will, and only the world knows when it is sent
		u.got[s.id]++
		if u == u.witness && u.got[s.id] > 1 && p.QoS == packet.QoS2 && !s.again {
			u.fail("the Will m%d of %s was sent %d times", s.id, s.from.name, u.got[s.id])
		}
		return
	}
	copies := plain + len(shares)
	if len(shares) > 0 {
		s.shared = true
	}
	switch {
	case copies == 0 && !replayed:
		u.fail("%s gets m%d on %s without a subscription", u.name, s.id, s.topic)
		return
	case p.QoS > min(highest, s.qos):
		u.fail("%s gets m%d with QoS %d, published with %d and subscribed with %d", u.name, s.id, p.QoS, s.qos, highest)
	}
	u.checkIDs(p, s, ids)
	u.remember(s, now)
	if p.Retain { // may be a retained copy besides the live one
		u.got[s.id]++
		return
	}
	u.got[s.id]++
	u.gotHere[s.id]++
	if p.QoS == packet.QoS2 {
		u.gotTwo[s.id]++
	}
	if u.gotTwo[s.id] > copies {
		u.fail("%s gets m%d %d times with QoS 2", u.name, s.id, u.gotTwo[s.id])
	}
	if u.gotHere[s.id] > copies*s.sends {
		u.fail("%s gets m%d %d times on one connection, it was sent %d times", u.name, s.id, u.gotHere[s.id], s.sends)
	}
	if len(shares) == 0 {
		u.checkOrder(p, s)
	}
}

// checkIDs holds Subscription Identifiers to those of the subscriptions [MQTT-3.3.4-3].
func (u *user) checkIDs(p *packet.Publish, s *sending, possible []uint32) {
	has := func(ids []uint32, id uint32) bool {
		for _, other := range ids {
			if other == id {
				return true
			}
		}
		return false
	}
	for _, id := range p.SubscriptionIDs {
		if !has(possible, id) {
			u.fail("%s gets m%d with the Subscription Identifier %d of no subscription that matches", u.name, s.id, id)
		}
	}
	if p.Retain {
		return
	}
	for _, sub := range u.subscriptions {
		if sub.share && topic.Match(sub.topic, s.topic) {
			return // a copy of its own, with its own identifier
		}
	}
	for _, sub := range u.subscriptions {
		if sub.id != 0 && sub.sure < s.sent && sub.until == never && sub.life == u.life && topic.Match(sub.topic, s.topic) &&
			!(sub.noLocal && s.from == u) && !has(p.SubscriptionIDs, sub.id) {
			u.fail("%s gets m%d without the Subscription Identifier %d of %s", u.name, s.id, sub.id, sub.name)
		}
	}
}

// checkOrder holds what comes for the first time to the order of the publisher [MQTT-4.6.0-6].
func (u *user) checkOrder(p *packet.Publish, s *sending) {
	if u.got[s.id] > 1 {
		return
	}
	key := orderKey{s.from, s.topic, s.qos, p.QoS}
	if last, ok := u.latest[key]; ok && last > s.id && s.sends == 1 {
		u.fail("%s gets m%d after m%d, both of %s on %s", u.name, s.id, last, s.from.name, s.topic)
	}
	u.latest[key] = max(u.latest[key], s.id)
}

// remember notes when a message of a topic came.
func (u *user) remember(s *sending, now int) {
	if u.topics[s.topic] == nil {
		u.topics[s.topic] = make(map[int]int)
	}
	u.topics[s.topic][s.id] = now
}
