package oracle

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	mochi "github.com/mochi-mqtt/server/v2/packets"

	"github.com/troupemq/troupe/protocol/packet"
)

// mochiDecode reads a frame and judges it with whatever judgement the oracle
// has for its type.
func mochiDecode(frame []byte, v packet.Version) (p *mochi.Packet, err error) {
	defer func() {
		// A SUBSCRIBE of 5.0 that ends before its options makes the oracle
		// panic. That is a refusal.
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("panic: %v", r)
		}
	}()
	p = &mochi.Packet{ProtocolVersion: byte(v)}
	if err := p.FixedHeader.Decode(frame[0]); err != nil {
		return nil, err
	}
	remaining, size, err := mochi.DecodeLength(bytes.NewReader(frame[1:]))
	if err != nil {
		return nil, err
	}
	p.FixedHeader.Remaining = remaining
	body := frame[1+size:]
	ok := mochi.CodeSuccess
	switch p.FixedHeader.Type {
	case mochi.Connect:
		if err = p.ConnectDecode(body); err == nil {
			ok = p.ConnectValidate()
		}
	case mochi.Connack:
		err = p.ConnackDecode(body)
	case mochi.Publish:
		if err = p.PublishDecode(body); err == nil {
			ok = p.PublishValidate(65535)
		}
	case mochi.Puback:
		err = p.PubackDecode(body)
	case mochi.Pubrec:
		err = p.PubrecDecode(body)
	case mochi.Pubrel:
		err = p.PubrelDecode(body)
	case mochi.Pubcomp:
		err = p.PubcompDecode(body)
	case mochi.Subscribe:
		if err = p.SubscribeDecode(body); err == nil {
			ok = p.SubscribeValidate()
		}
	case mochi.Suback:
		err = p.SubackDecode(body)
	case mochi.Unsubscribe:
		if err = p.UnsubscribeDecode(body); err == nil {
			ok = p.UnsubscribeValidate()
		}
	case mochi.Unsuback:
		err = p.UnsubackDecode(body)
	case mochi.Pingreq:
		err = p.PingreqDecode(body)
	case mochi.Pingresp:
		err = p.PingrespDecode(body)
	case mochi.Disconnect:
		err = p.DisconnectDecode(body)
	case mochi.Auth:
		if err = p.AuthDecode(body); err == nil {
			ok = p.AuthValidate()
		}
	}
	if err == nil && ok != mochi.CodeSuccess {
		err = ok
	}
	return p, err
}

func mochiEncode(p *mochi.Packet) ([]byte, error) {
	// Without this the oracle leaves out Response Topic and Correlation Data.
	p.Mods.AllowResponseInfo = true
	var b bytes.Buffer
	var err error
	switch p.FixedHeader.Type {
	case mochi.Connect:
		err = p.ConnectEncode(&b)
	case mochi.Connack:
		err = p.ConnackEncode(&b)
	case mochi.Publish:
		err = p.PublishEncode(&b)
	case mochi.Puback:
		err = p.PubackEncode(&b)
	case mochi.Pubrec:
		err = p.PubrecEncode(&b)
	case mochi.Pubrel:
		err = p.PubrelEncode(&b)
	case mochi.Pubcomp:
		err = p.PubcompEncode(&b)
	case mochi.Subscribe:
		err = p.SubscribeEncode(&b)
	case mochi.Suback:
		err = p.SubackEncode(&b)
	case mochi.Unsubscribe:
		err = p.UnsubscribeEncode(&b)
	case mochi.Unsuback:
		err = p.UnsubackEncode(&b)
	case mochi.Pingreq:
		err = p.PingreqEncode(&b)
	case mochi.Pingresp:
		err = p.PingrespEncode(&b)
	case mochi.Disconnect:
		err = p.DisconnectEncode(&b)
	case mochi.Auth:
		err = p.AuthEncode(&b)
	}
	return b.Bytes(), err
}

func mochiView(p *mochi.Packet) view {
	w := view{Type: packet.Type(p.FixedHeader.Type), PacketID: p.PacketID, Code: p.ReasonCode, Codes: string(p.ReasonCodes),
		SessionPresent: p.SessionPresent, Topic: p.TopicName, Payload: string(p.Payload), Properties: mochiProperties(&p.Properties)}
	switch p.FixedHeader.Type {
	case mochi.Publish:
		w.Dup, w.Retain, w.QoS = p.FixedHeader.Dup, p.FixedHeader.Retain, p.FixedHeader.Qos
	case mochi.Connect:
		c := &p.Connect
		w.Connect = &connectView{Version: p.ProtocolVersion, Clean: c.Clean, KeepAlive: c.Keepalive, ClientID: c.ClientIdentifier,
			Username: string(c.Username), HasUsername: c.UsernameFlag, Password: string(c.Password), HasPassword: c.PasswordFlag}
		if c.WillFlag {
			w.Connect.Will = &willView{c.WillQos, c.WillRetain, c.WillTopic, string(c.WillPayload), mochiProperties(&c.WillProperties)}
		}
	case mochi.Subscribe:
		// One number in our view, a list in theirs.
		if ids := p.Properties.SubscriptionIdentifier; len(ids) > 0 {
			w.Properties[0x0B] = uint32(ids[0])
		}
	}
	for _, f := range p.Filters {
		w.Filters = append(w.Filters, filter{f.Filter, f.Qos, f.NoLocal, f.RetainAsPublished, f.RetainHandling})
	}
	return w
}

func mochiProperties(p *mochi.Properties) properties {
	m := properties{}
	m.number(0x01, uint32(p.PayloadFormat), 0)
	m.number(0x02, p.MessageExpiryInterval, 0)
	m.text(0x03, p.ContentType)
	m.text(0x08, p.ResponseTopic)
	m.text(0x09, string(p.CorrelationData))
	var ids []uint32
	for _, id := range p.SubscriptionIdentifier {
		ids = append(ids, uint32(id))
	}
	m.subscriptionIDs(ids)
	m.number(0x11, optional(p.SessionExpiryIntervalFlag, p.SessionExpiryInterval), absent)
	m.text(0x12, p.AssignedClientID)
	m.number(0x13, optional(p.ServerKeepAliveFlag, uint32(p.ServerKeepAlive)), absent)
	m.text(0x15, p.AuthenticationMethod)
	m.text(0x16, string(p.AuthenticationData))
	m.number(0x17, flagged(p.RequestProblemInfoFlag, p.RequestProblemInfo), 1)
	m.number(0x18, p.WillDelayInterval, 0)
	m.number(0x19, uint32(p.RequestResponseInfo), 0)
	m.text(0x1A, p.ResponseInfo)
	m.text(0x1C, p.ServerReference)
	m.text(0x1F, p.ReasonString)
	m.number(0x21, uint32(p.ReceiveMaximum), 0)
	m.number(0x22, uint32(p.TopicAliasMaximum), 0)
	m.number(0x23, uint32(p.TopicAlias), 0)
	m.number(0x24, optional(p.MaximumQosFlag, uint32(p.MaximumQos)), absent)
	m.number(0x25, flagged(p.RetainAvailableFlag, p.RetainAvailable), 1)
	m.number(0x27, p.MaximumPacketSize, 0)
	m.number(0x28, flagged(p.WildcardSubAvailableFlag, p.WildcardSubAvailable), 1)
	m.number(0x29, flagged(p.SubIDAvailableFlag, p.SubIDAvailable), 1)
	m.number(0x2A, flagged(p.SharedSubAvailableFlag, p.SharedSubAvailable), 1)
	var pairs []pair
	for _, u := range p.User {
		pairs = append(pairs, pair{u.Key, u.Val})
	}
	m.pairs(pairs)
	return m
}

// flagged is a boolean that is true when absent.
func flagged(has bool, b byte) uint32 {
	if !has {
		return 1
	}
	return uint32(b)
}

// mochiTooStrict tells that the oracle refuses a valid packet, or one that we
// accept by intent.
func mochiTooStrict(ours codec, v packet.Version, err error) bool {
	switch p := ours.(type) {
	case *connect:
		switch {
		case errors.Is(err, mochi.ErrProtocolViolationFlagNoPassword):
			return p.Password != nil && len(p.Password) == 0 // an empty Password is one
		case errors.Is(err, mochi.ErrProtocolViolationWillFlagNoPayload):
			// An empty Will Payload is one (section 3.1.3.4); an empty Will Topic
			// is left to who knows Topic Names.
			return p.Will != nil && (len(p.Will.Payload) == 0 || len(p.Will.Topic) == 0)
		}
		// 3.1 ignores the reserved flag and the fields of a Will that is not
		// there, and lets User Name and Password be announced and left out.
		return v == packet.V31 && (errors.Is(err, mochi.ErrProtocolViolationReservedBit) ||
			errors.Is(err, mochi.ErrProtocolViolationWillFlagSurplusRetain) && p.Will == nil ||
			errors.Is(err, mochi.ErrProtocolViolationFlagNoUsername) && p.Username == nil ||
			errors.Is(err, mochi.ErrMalformedPassword) && p.Password == nil)
	case *packet.Publish:
		// Topic Names are judged by the Session, and so is the direction, which
		// forbids Subscription Identifiers from a Client.
		return errors.Is(err, mochi.ErrProtocolViolationSurplusWildcard) ||
			errors.Is(err, mochi.ErrProtocolViolationSurplusSubID) && len(p.SubscriptionIDs) > 0
	case *packet.Auth:
		// Remaining Length 0 means Success (section 3.15.2.1).
		return p.Code == packet.Success && p.AuthMethod == nil
	}
	return false
}

// mochiTooLax tells that the oracle does not know the rule that a packet broke.
func mochiTooLax(frame []byte, v packet.Version, e *packet.Error) bool {
	t := packet.Type(frame[0] >> 4)
	switch e.Statement {
	case "MQTT-1.5.5-1", // integers in the fewest bytes
		"MQTT-3.3.2-14",                                                // wildcards in the Response Topic
		"MQTT-3.4.2-1", "MQTT-3.5.2-1", "MQTT-3.6.2-1", "MQTT-3.7.2-1", // which codes a packet may have
		"MQTT-3.9.3-2", "MQTT-3.11.3-2", "MQTT-3.14.2-1", "MQTT-3.2.2-8",
		"MQTT-3.8.4-6", "MQTT-3.11.3-1", // that there is a code at all
		"MQTT-2.2.1-5", "MQTT-2.2.1-6", // Packet Identifier 0 in an answer
		"MQTT-3.8.3-4", "MQTT-3.8.3-5", // No Local on shared, reserved options
		"MQTT-3.1.2-11",                // Will QoS without a Will
		"MQTT-3.1.3-8",                 // an empty Client Identifier is left to its server
		"MQTT-3.2.2-1", "MQTT-3.2.2-6": // flags of CONNACK
		return true
	case "MQTT-1.5.4-1", "MQTT-1.5.4-2":
		return strings.HasPrefix(e.Text, "the User Name") // is bytes to the oracle
	}
	switch {
	case strings.HasSuffix(e.Text, " twice"),
		strings.Contains(e.Text, " with the value "),
		strings.Contains(e.Text, "Retain Handling 3"),
		strings.Contains(e.Text, "more than four bytes"),
		strings.Contains(e.Text, "too many at the end"),
		strings.HasPrefix(e.Text, "Authentication Data without"),
		strings.HasPrefix(e.Text, "AUTH without an Authentication Method"),
		strings.HasPrefix(e.Text, "Password without a User Name"):
		return true
	// The last property may reach beyond the Property Length.
	case v == packet.V5 && strings.HasPrefix(e.Text, "packet ends within"):
		return withinProperty(e.Text) || t == packet.TypeDisconnect && frame[1] == 2
	// A Property Length alone is not read.
	case t == packet.TypeDisconnect && frame[1] == 2:
		return strings.HasPrefix(e.Text, "Property Length")
	}
	return false
}

func withinProperty(text string) bool {
	for _, name := range []string{"Payload Format Indicator", "Message Expiry Interval", "Content Type", "Response Topic", "Correlation Data",
		"Subscription Identifier", "Session Expiry Interval", "Assigned Client Identifier", "Server Keep Alive", "Authentication Method",
		"Authentication Data", "Request Problem Information", "Will Delay Interval", "Request Response Information", "Response Information",
		"Server Reference", "Reason String", "Receive Maximum", "Topic Alias Maximum", "Topic Alias", "Maximum QoS", "Retain Available",
		"Maximum Packet Size", "Wildcard Subscription Available", "Subscription Identifier Available", "Shared Subscription Available",
		"the name of a User Property", "the value of a User Property"} {
		if strings.HasSuffix(text, "within "+name) {
			return true
		}
	}
	return false
}

// mochiMisreads corrects what the oracle reads wrongly.
func mochiMisreads(w view, frame []byte, v packet.Version) view {
	// It overlooks the Reason Code of a DISCONNECT of one byte.
	if w.Type == packet.TypeDisconnect && v == packet.V5 && frame[1] == 1 {
		w.Code = frame[2]
	}
	// It takes the reserved byte of 3.1 for Session Present.
	if w.Type == packet.TypeConnack && v == packet.V31 {
		w.SessionPresent = false
	}
	return w
}

// mochiLoses takes out of a view what the oracle does not write.
func mochiLoses(w view) view {
	switch w.Type {
	case packet.TypePuback, packet.TypePubrec, packet.TypePubrel, packet.TypePubcomp:
		// Codes below 0x80 go missing when there are no properties.
		if w.Code < 0x80 && len(w.Properties) == 0 {
			w.Code = 0
		}
	}
	return w
}
