package session_test

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/troupemq/troupe/protocol/packet"
)

// words is a line of a script, taken apart: plain words, key=value, and a quoted payload.
type words struct {
	list    []string
	keys    map[string][]string
	payload []byte
	quoted  bool
	err     error
}

func split(text string) (*words, error) {
	w := &words{keys: make(map[string][]string)}
	if i := strings.IndexByte(text, '"'); i >= 0 {
		payload, err := strconv.Unquote(strings.TrimSpace(text[i:]))
		if err != nil {
			return nil, err
		}
		w.payload, w.quoted, text = []byte(payload), true, text[:i]
	}
	for word := range strings.FieldsSeq(text) {
		if key, value, ok := strings.Cut(word, "="); ok {
			w.keys[key] = append(w.keys[key], value)
		} else {
			w.list = append(w.list, word)
		}
	}
	return w, nil
}

func (w *words) first() string {
	if len(w.list) == 0 {
		return ""
	}
	return w.list[0]
}

func (w *words) next() string {
	word := w.first()
	if word != "" {
		w.list = w.list[1:]
	}
	return word
}

func (w *words) integer() uint32 { return w.parse(w.next()) }

func (w *words) parse(text string) uint32 {
	n, err := strconv.ParseUint(text, 0, 32)
	if err != nil && w.err == nil {
		w.err = err
	}
	return uint32(n)
}

func (w *words) duration() int64 {
	w.next()
	d, err := time.ParseDuration(w.next())
	if err != nil && w.err == nil {
		w.err = err
	}
	return d.Milliseconds()
}

// has takes a word without a value.
func (w *words) has(name string) bool {
	for i, word := range w.list {
		if word == name {
			w.list = append(w.list[:i:i], w.list[i+1:]...)
			return true
		}
	}
	return false
}

func (w *words) text(key string) []byte {
	values := w.keys[key]
	if len(values) == 0 {
		return nil
	}
	w.keys[key] = values[1:]
	return []byte(values[0])
}

func (w *words) number(key string) (n uint32, ok bool) {
	if text := w.text(key); text != nil {
		return w.parse(string(text)), true
	}
	return 0, false
}

func (w *words) value(key string) uint32 {
	n, _ := w.number(key)
	return n
}

func (w *words) user() (u packet.UserProperties) {
	for text := w.text("user"); text != nil; text = w.text("user") {
		name, value, _ := strings.Cut(string(text), ":")
		u = u.With(name, value)
	}
	return u
}

// done complains about what nobody took.
func (w *words) done() error {
	for key, values := range w.keys {
		if len(values) > 0 {
			return fmt.Errorf("unknown %s", key)
		}
	}
	if len(w.list) > 0 {
		return fmt.Errorf("unknown %s", w.list[0])
	}
	return w.err
}

// frame encodes what a line says the Client sends.
func (w *words) frame(l *link) ([]byte, error) {
	v := l.version
	switch kind := w.next(); kind {
	case "connect":
		return w.connect(l), nil
	case "publish":
		return w.publish(v), nil
	case "puback":
		p := packet.Puback{PacketID: uint16(w.integer()), Code: packet.ReasonCode(w.value("code"))}
		return p.Append(nil, v), nil
	case "pubrec":
		p := packet.Pubrec{PacketID: uint16(w.integer()), Code: packet.ReasonCode(w.value("code"))}
		return p.Append(nil, v), nil
	case "pubrel":
		p := packet.Pubrel{PacketID: uint16(w.integer()), Code: packet.ReasonCode(w.value("code"))}
		return p.Append(nil, v), nil
	case "pubcomp":
		p := packet.Pubcomp{PacketID: uint16(w.integer()), Code: packet.ReasonCode(w.value("code"))}
		return p.Append(nil, v), nil
	case "subscribe":
		p := packet.Subscribe{PacketID: uint16(w.integer()), SubscriptionID: w.value("sid")}
		for filter := w.next(); filter != ""; filter = w.next() {
			p.Filters = append(p.Filters, w.filter(filter))
		}
		return p.Append(nil, v), nil
	case "unsubscribe":
		p := packet.Unsubscribe{PacketID: uint16(w.integer())}
		for filter := w.next(); filter != ""; filter = w.next() {
			p.Filters = append(p.Filters, []byte(filter))
		}
		return p.Append(nil, v), nil
	case "ping":
		return (&packet.Pingreq{}).Append(nil, v), nil
	case "disconnect":
		p := packet.Disconnect{Code: packet.ReasonCode(w.value("code")), ServerReference: w.text("reference")}
		p.SessionExpiry, p.HasSessionExpiry = w.number("expiry")
		return p.Append(nil, v), nil
	case "auth":
		p := packet.Auth{Code: packet.ReasonCode(w.integer()), AuthMethod: w.text("method"), AuthData: w.text("data")}
		return p.Append(nil, packet.V5), nil
	case "raw":
		digits := strings.Join(w.list, "")
		w.list = nil
		return raw(digits)
	default:
		return nil, fmt.Errorf("unknown packet %s", kind)
	}
}

// connect has a clean start and the connection's name as Client Identifier unless it says otherwise.
func (w *words) connect(l *link) []byte {
	c := packet.Connect{Version: packet.V5, RequestProblemInformation: true, ClientID: []byte(l.name)}
	if version, ok := w.number("v"); ok {
		c.Version = packet.Version(version)
	}
	l.version = c.Version
	c.CleanStart = !w.has("resume")
	c.Bridge = w.has("bridge")
	if id := w.text("id"); id != nil {
		c.ClientID = id
	}
	c.KeepAlive = uint16(w.value("keep-alive"))
	c.SessionExpiry, c.HasSessionExpiry = w.number("expiry")
	c.ReceiveMaximum = uint16(w.value("receive-maximum"))
	c.MaximumPacketSize = w.value("max-packet-size")
	c.TopicAliasMaximum = uint16(w.value("aliases"))
	c.RequestResponseInformation = w.has("want-response")
	c.RequestProblemInformation = !w.has("no-problems")
	c.Username, c.Password = w.text("user-name"), w.text("password")
	c.AuthMethod, c.AuthData = w.text("method"), w.text("data")
	if name := w.text("will"); name != nil {
		c.Will = &packet.Will{
			Topic: name, Payload: w.payload, QoS: packet.QoS(w.value("will-qos")), Retain: w.has("will-retain"),
			DelayInterval: w.value("will-delay"), ContentType: w.text("will-content"),
			ResponseTopic: w.text("will-response"), CorrelationData: w.text("will-correlation"), UserProperties: w.user(),
		}
		c.Will.MessageExpiry, c.Will.HasMessageExpiry = w.number("will-expiry")
	}
	return c.Append(nil)
}

func (w *words) publish(v packet.Version) []byte {
	p := packet.Publish{
		QoS: packet.QoS(w.value("qos")), PacketID: uint16(w.value("id")), Dup: w.has("dup"), Retain: w.has("retain"),
		TopicAlias: uint16(w.value("alias")), ContentType: w.text("content"), ResponseTopic: w.text("response"),
		CorrelationData: w.text("correlation"), UserProperties: w.user(), Payload: w.payload,
	}
	p.MessageExpiry, p.HasMessageExpiry = w.number("expiry")
	if format, ok := w.number("format"); ok {
		p.PayloadFormat, p.HasPayloadFormat = uint8(format), true
	}
	if sid, ok := w.number("sid"); ok {
		p.SubscriptionIDs = []uint32{sid}
	}
	if n := w.value("pad"); n > 0 {
		p.Payload = append(p.Payload, strings.Repeat(".", int(n))...)
	}
	p.Topic = []byte(w.next())
	return p.Append(nil, v)
}

// filter reads `name`, or `name,1,nl,rap,rh2`: QoS, No Local, Retain As Published, Retain Handling.
func (w *words) filter(text string) packet.TopicFilter {
	parts := strings.Split(text, ",")
	f := packet.TopicFilter{Filter: []byte(parts[0])}
	for _, part := range parts[1:] {
		switch part {
		case "nl":
			f.NoLocal = true
		case "rap":
			f.RetainAsPublished = true
		case "rh1":
			f.RetainHandling = 1
		case "rh2":
			f.RetainHandling = 2
		default:
			f.QoS = packet.QoS(w.parse(part))
		}
	}
	return f
}
