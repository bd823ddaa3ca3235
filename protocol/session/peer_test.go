package session_test

import (
	"fmt"

	"pgregory.net/rapid"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// peer is a Client as it should be, and what it knows of its Session: the model. It publishes with all
// QoS, takes everything, acknowledges when it likes, and begins again after every lost connection.
type peer struct {
	t    *rapid.T
	name string
	s    *session.Session

	// Of the connection.
	online  bool
	ready   bool // CONNACK came
	version packet.Version
	present bool              // what CONNACK has to say
	maximum int               // its Receive Maximum
	open    map[uint16]bool   // Packet Identifiers that count against it
	aliases map[uint16]string // that the Server set
	up      []byte            // bytes on their way to the Server
	down    []byte            // bytes on their way to the Client
	answers [][]byte          // acknowledgements that the Client has not sent yet
	owe     []packet.Type     // what answers are, parallel

	// Of the Session, the Client's side.
	known    bool        // was connected before
	sending  []*outgoing // in order
	nextID   uint16
	sequence int
	received map[uint16]bool // QoS 2 that was not released

	got map[string]int // how often each message came
	log []string       // messages in the order in which they came first

	fates fates // what the Session told of each message
}

// outgoing is a message that the Client has not got rid of.
type outgoing struct {
	id       uint16
	qos      packet.QoS
	topic    string
	text     string
	released bool // PUBREC came, PUBREL is sent
	sent     bool // on this connection
}

// quota is what the Server lets a Client have in flight.
const quota = 5

// publish makes messages and sends them as far as the Server's Receive Maximum lets it.
func (p *peer) publish(qos packet.QoS, topic string) string {
	p.sequence++
	m := &outgoing{qos: qos, topic: topic, text: fmt.Sprintf("%s %s %d %d", p.name, topic, qos, p.sequence)}
	if qos == packet.QoS0 {
		if p.ready {
			p.send(m, false)
		}
		return m.text
	}
	p.nextID = p.nextID%60000 + 1
	m.id = p.nextID
	p.sending = append(p.sending, m)
	p.flush()
	return m.text
}

func (p *peer) send(m *outgoing, dup bool) {
	f := packet.Publish{QoS: m.qos, PacketID: m.id, Dup: dup, Topic: []byte(m.topic), Payload: []byte(m.text)}
	p.up = f.Append(p.up, p.version)
}

// flush sends what is new, in order.
func (p *peer) flush() {
	if !p.ready {
		return
	}
	n := 0
	for _, m := range p.sending {
		if n++; n > quota {
			return
		}
		if !m.sent {
			m.sent = true
			p.send(m, false)
		}
	}
}

// resume sends again what the Client has not got rid of, after CONNACK.
func (p *peer) resume() {
	n := 0
	for _, m := range p.sending {
		if n++; n > quota {
			break
		}
		if m.released {
			p.up = (&packet.Pubrel{PacketID: m.id}).Append(p.up, p.version)
		} else {
			p.send(m, m.sent)
		}
		m.sent = true
	}
}

func (p *peer) find(id uint16) (int, *outgoing) {
	for i, m := range p.sending {
		if m.id == id {
			return i, m
		}
	}
	return -1, nil
}

// lose is what the Client does when its connection is gone.
func (p *peer) lose() {
	p.online, p.ready = false, false
	p.up, p.down, p.answers, p.owe = nil, nil, nil, nil
	p.open, p.aliases = make(map[uint16]bool), make(map[uint16]string)
}

// take reads one frame from the Server.
func (p *peer) take(frame []byte) {
	switch t := packet.Type(frame[0] >> 4); t {
	case packet.TypeConnack:
		var c packet.Connack
		p.must(c.Decode(frame, p.version))
		if c.SessionPresent != p.present {
			p.t.Fatalf("%s: Session Present %v, want %v", p.name, c.SessionPresent, p.present)
		}
		p.ready = true
		p.resume()
	case packet.TypePublish:
		p.takePublish(frame)
	case packet.TypePuback:
		var a packet.Puback
		p.must(a.Decode(frame, p.version))
		i, m := p.find(a.PacketID)
		if m == nil || m.qos != packet.QoS1 || !m.sent {
			p.t.Fatalf("%s: PUBACK %d for nothing", p.name, a.PacketID)
		}
		p.sending = append(p.sending[:i], p.sending[i+1:]...)
		p.flush()
	case packet.TypePubrec:
		var a packet.Pubrec
		p.must(a.Decode(frame, p.version))
		_, m := p.find(a.PacketID)
		if m == nil || m.qos != packet.QoS2 || !m.sent {
			p.t.Fatalf("%s: PUBREC %d for nothing", p.name, a.PacketID)
		}
		m.released = true
		p.up = (&packet.Pubrel{PacketID: m.id}).Append(p.up, p.version)
	case packet.TypePubcomp:
		var a packet.Pubcomp
		p.must(a.Decode(frame, p.version))
		i, m := p.find(a.PacketID)
		if m == nil || !m.released {
			p.t.Fatalf("%s: PUBCOMP %d for nothing", p.name, a.PacketID)
		}
		p.sending = append(p.sending[:i], p.sending[i+1:]...)
		p.flush()
	case packet.TypePubrel:
		var a packet.Pubrel
		p.must(a.Decode(frame, p.version))
		if a.Code != packet.Success {
			p.t.Fatalf("%s: PUBREL %d with %v", p.name, a.PacketID, a.Code)
		}
		delete(p.received, a.PacketID)
		p.answer(packet.TypePubcomp, a.PacketID)
	default:
		p.t.Fatalf("%s: %v", p.name, t)
	}
}

func (p *peer) takePublish(frame []byte) {
	var m packet.Publish
	p.must(m.Decode(frame, p.version))
	topic := string(m.Topic)
	if m.TopicAlias != 0 {
		if topic != "" {
			p.aliases[m.TopicAlias] = topic
		}
		topic = p.aliases[m.TopicAlias]
	}
	text := string(m.Payload)
	var from, wantTopic string
	var qos, n int
	if _, err := fmt.Sscanf(text, "%s %s %d %d", &from, &wantTopic, &qos, &n); err != nil || wantTopic != topic || packet.QoS(qos) != m.QoS {
		p.t.Fatalf("%s: message %q on %q with QoS %d", p.name, text, topic, m.QoS)
	}
	switch m.QoS {
	case packet.QoS0:
		p.note(text)
		return
	case packet.QoS1:
		if m.Dup && p.got[text] == 0 {
			// It was sent before on a connection that lost it: so it may be.
			p.t.Logf("%s: first sight of %q has DUP", p.name, text)
		}
		p.note(text)
		p.begin(m.PacketID)
		p.answer(packet.TypePuback, m.PacketID)
	case packet.QoS2:
		if p.received[m.PacketID] && !m.Dup {
			p.t.Fatalf("%s: Packet Identifier %d is in use", p.name, m.PacketID)
		}
		if !p.received[m.PacketID] {
			p.note(text)
		}
		p.received[m.PacketID] = true
		p.begin(m.PacketID)
		p.answer(packet.TypePubrec, m.PacketID)
	}
}

// begin counts a message against the Client's Receive Maximum.
func (p *peer) begin(id uint16) {
	if p.open[id] {
		p.t.Fatalf("%s: Packet Identifier %d twice on one connection", p.name, id)
	}
	p.open[id] = true
	if len(p.open) > p.maximum {
		p.t.Fatalf("%s: %d messages in flight, Receive Maximum %d", p.name, len(p.open), p.maximum)
	}
}

func (p *peer) note(text string) {
	p.got[text]++
	if p.got[text] == 1 {
		p.log = append(p.log, text)
	}
}

// answer lets an acknowledgement wait until the Client is in the mood.
func (p *peer) answer(t packet.Type, id uint16) {
	p.answers = append(p.answers, []byte{byte(t) << 4, 2, byte(id >> 8), byte(id)})
	p.owe = append(p.owe, t)
}

// acknowledge sends the first n answers.
func (p *peer) acknowledge(n int) {
	for range min(n, len(p.answers)) {
		a := p.answers[0]
		if p.owe[0] != packet.TypePubrec {
			delete(p.open, uint16(a[2])<<8|uint16(a[3]))
		}
		p.up = append(p.up, a...)
		p.answers, p.owe = p.answers[1:], p.owe[1:]
	}
}

func (p *peer) must(err error) {
	if err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
}
