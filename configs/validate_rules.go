package configs

import (
	"fmt"

	"github.com/troupemq/troupe/protocol/topic"
)

// rules judges what is handed on and what is taken.
func (v *validation) rules(key string, b *Bridge) {
	for i := range b.Forward {
		f, at := &b.Forward[i], fmt.Sprintf("%sforward[%d].", key, i)
		v.choice(at+"qos", string(f.QoS), f.QoS)
		v.choice(at+"retain", string(f.Retain), f.Retain)
		v.choice(at+"retained", string(f.Retained), f.Retained)
		v.properties(at, f.UserProperties)
		if before5(b) && f.UserProperties != "" {
			v.add(at+"user_properties", "does not go with protocol: %d, which has none; leave it out, or write protocol: 5", b.Protocol)
		}
		if unacknowledged := f.QoS == QoS0 || f.QoS == QoSMost0; unacknowledged {
			v.check(!b.Queue.QoS0, at+"qos", "%q does not go with queue.qos0: true, which keeps messages until the upstream has acknowledged them; allowed: keep, 1, 2, max-1, or queue.qos0: false", f.QoS)
			v.check(b.Acknowledge != AcknowledgeRemote, at+"qos", "%q does not go with acknowledge: remote, since the upstream acknowledges nothing then; allowed: keep, 1, 2, max-1, or acknowledge: local", f.QoS)
		}
		target, ok := v.mapping(at, "local", "remote", f.Local, f.Remote, f.Prefix, f.Suffix)
		if !ok {
			continue
		}
		v.check(!reserved(target), at+"remote", "%q is of topics that the upstream keeps for itself; write remote or prefix so that they begin with something else than $SYS/", target)
		for j := range i {
			v.check(!overlap(f.Local, b.Forward[j].Local), at+"local", "%q and forward[%d].local %q match some of the same topics, so that those would be handed on twice; let only one of them do so", f.Local, j, b.Forward[j].Local)
		}
	}
	for i := range b.Receive {
		r, at := &b.Receive[i], fmt.Sprintf("%sreceive[%d].", key, i)
		v.choice(at+"qos", string(r.QoS), r.QoS)
		v.choice(at+"retain", string(r.Retain), r.Retain)
		v.choice(at+"retained", string(r.Retained), r.Retained)
		v.properties(at, r.UserProperties)
		v.check(!before5(b) || r.Retained != RetainedNever, at+"retained", "%q does not go with protocol: %d, in which upstreams always send them; allowed: new, always, or protocol: 5", r.Retained, b.Protocol)
		target, ok := v.mapping(at, "remote", "local", r.Remote, r.Local, r.Prefix, r.Suffix)
		if !ok {
			continue
		}
		v.check(!reserved(target), at+"local", "%q is of topics that this broker keeps for itself; write local or prefix so that they begin with something else than $SYS/", target)
		for j := range i {
			v.check(!overlap(r.Remote, b.Receive[j].Remote), at+"remote", "%q and receive[%d].remote %q match some of the same topics, so that those would be taken twice; let only one of them do so", r.Remote, j, b.Receive[j].Remote)
		}
	}
}

// mapping judges the topics of a rule, by the names of its two keys, and gives
// the filter of what it makes.
func (v *validation) mapping(key, fromKey, toKey, from, to, prefix, suffix string) (target string, ok bool) {
	before := len(v.problems)
	v.filter(key+fromKey, from, false)
	v.filter(key+toKey, to, true)
	for _, affix := range []struct{ name, text string }{{"prefix", prefix}, {"suffix", suffix}} {
		if affix.text != "" {
			err := topic.ValidateName(affix.text)
			v.check(err == nil, key+affix.name, "%q cannot be a part of a Topic Name: %v", affix.text, err)
		}
	}
	if len(v.problems) > before {
		return "", false
	}
	m, err := topic.NewMapping(from, to, prefix, suffix)
	if err != nil {
		v.add(key+toKey, "%v", err)
		return "", false
	}
	return m.Target(), true
}

func (v *validation) filter(key, filter string, optional bool) {
	if filter == "" {
		v.check(optional, key, "missing; write a Topic Filter, as in sensors/#")
		return
	}
	switch share, _, err := topic.ParseFilter(filter); {
	case err != nil:
		v.add(key, "%q is not a Topic Filter: %v", filter, err)
	case share != "":
		v.add(key, "%q is of a Shared Subscription, which a bridge cannot have; write only what follows $share/%s/", filter, share)
	}
}

func (v *validation) properties(key, text string) {
	if _, err := ParseUserProperties(text); err != nil {
		v.add(key+"user_properties", "%v; write name=value, separated by commas", err)
	}
}

// overlap is topic.Overlap of texts that may not be valid.
func overlap(a, b string) bool { return a != "" && b != "" && topic.Overlap(a, b) }

// circles finds rules by which a message would come back from where it was sent.
// With the loop guard and MQTT 5 each message tells where it has been. Without,
// one bridge still sends nothing back to where it has it from, but takes what it
// has sent, which is then here twice; two bridges to one upstream hand a message
// on to each other for ever.
func (v *validation) circles(bridges []Bridge) {
	for i := range bridges {
		for j := range bridges {
			a, b := &bridges[i], &bridges[j]
			told := a.LoopGuard && b.LoopGuard && (i == j || a.Protocol == 5 && b.Protocol == 5)
			if told || !meet(a, b) {
				continue
			}
			v.circle(i, j, a, b)
		}
	}
}

// circle looks at what bridge a takes and bridge b hands on.
func (v *validation) circle(i, j int, a, b *Bridge) {
	for k := range a.Receive {
		for l := range b.Forward {
			if !returns(&a.Receive[k], &b.Forward[l]) {
				continue
			}
			key := fmt.Sprintf("bridges[%d].receive[%d].remote", i, k)
			if i == j {
				v.add(key, "%q takes back what forward[%d] hands on, so that it is here twice; allowed: loop_guard: true, or topics that do not overlap", a.Receive[k].Remote, l)
			} else {
				v.add(key, "%q takes from an upstream what bridges[%d].forward[%d] hands on to it, and that what this takes, so that messages go round for ever; allowed: loop_guard: true and protocol: 5 in both, or topics that do not overlap", a.Receive[k].Remote, j, l)
			}
			return
		}
	}
}

// returns tells whether what f hands on comes back by r under a name that f
// hands on.
func returns(r *Receive, f *Forward) bool {
	in, err := r.Mapping()
	if err != nil {
		return false
	}
	out, err := f.Mapping()
	return err == nil && topic.Overlap(out.Target(), r.Remote) && topic.Overlap(in.Target(), f.Local)
}

// meet tells whether two bridges have an upstream in common.
func meet(a, b *Bridge) bool {
	addresses := map[string]bool{}
	for _, u := range a.written() {
		if uri, err := ParseUpstream(u.URI); err == nil {
			addresses[uri.Address()] = true
		}
	}
	for _, u := range b.written() {
		if uri, err := ParseUpstream(u.URI); err == nil && addresses[uri.Address()] {
			return true
		}
	}
	return false
}
