package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupemq/troupe/protocol/packet"
)

// What third-party clients do not let through to their users is looked at
// packet by packet here.

// Overlapping Subscriptions give one copy with the highest QoS and with the
// identifiers of all of them [MQTT-3.3.4-2] [MQTT-3.3.4-4].
func TestOverlappingSubscriptionIdentifiers(t *testing.T) {
	broker := serveProcess(t, "")
	p := enter(t, broker.address, packet.V5, "c")
	for i, f := range []struct {
		filter string
		id     uint32
		qos    packet.QoS
	}{{"a/+", 1, 0}, {"a/#", 268_435_455, 2}, {"a/b", 300, 1}, {"#", 0, 0}, {"c", 4, 1}} {
		p.sendPackets(&packet.Subscribe{PacketID: uint16(i + 1), SubscriptionID: f.id,
			Filters: []packet.TopicFilter{{Filter: []byte(f.filter), SubscriptionOptions: packet.SubscriptionOptions{QoS: f.qos}}}})
		p.expect(packet.TypeSuback)
	}
	source := enter(t, broker.address, packet.V311, "source")
	source.sendPackets(&packet.Publish{Topic: []byte("a/b"), QoS: packet.QoS2, PacketID: 1})
	publish := p.expectPublish()
	require.ElementsMatch(t, []uint32{1, 268_435_455, 300}, publish.SubscriptionIDs)
	require.Equal(t, packet.QoS2, publish.QoS)
	p.expectSilence()
	source.sendPackets(&packet.Publish{Topic: []byte("x")})
	source.sendPackets(&packet.Publish{Topic: []byte("c")})
	require.Empty(t, p.expectPublish().SubscriptionIDs)
	require.Equal(t, []uint32{4}, p.expectPublish().SubscriptionIDs)
	p.expectSilence()
}

// The broker sends a topic once and then its alias, of which it uses no more
// than the Client allows.
func TestTopicAliasesOut(t *testing.T) {
	broker := serveProcess(t, "")
	source := enter(t, broker.address, packet.V5, "source")
	for _, maximum := range []uint16{0, 1, 3, 65535} {
		p := knock(t, broker.address, packet.V5)
		p.connect(&packet.Connect{CleanStart: true, TopicAliasMaximum: maximum, ClientID: []byte("c")})
		p.subscribe("long/topic/name/#", packet.SubscriptionOptions{QoS: packet.QoS1})
		aliases, short := make(map[uint16]string), 0
		for i := range 50 {
			topic := fmt.Sprint("long/topic/name/", i%5)
			source.sendPackets(&packet.Publish{Topic: []byte(topic), QoS: packet.QoS(i % 2), PacketID: uint16(i + 1)})
			if i%2 == 1 {
				source.expect(packet.TypePuback)
			}
			got := p.expectPublish()
			require.LessOrEqual(t, got.TopicAlias, maximum)
			switch {
			case len(got.Topic) == 0:
				require.Contains(t, aliases, got.TopicAlias)
				short++
			case got.TopicAlias != 0:
				aliases[got.TopicAlias] = string(got.Topic)
			}
			name := string(got.Topic)
			if name == "" {
				name = aliases[got.TopicAlias]
			}
			require.Equal(t, topic, name)
			if got.QoS == packet.QoS1 {
				p.sendPackets(&packet.Puback{PacketID: got.PacketID})
			}
		}
		if maximum >= 5 {
			require.Equal(t, 45, short)
		}
		p.sendPackets(&packet.Disconnect{})
		p.expectClosed()
	}
}

// No more QoS 1 and 2 messages are under way than the Client's Receive Maximum;
// QoS 0 is not held up by them (section 4.9).
func TestReceiveMaximumOut(t *testing.T) {
	broker := serveProcess(t, "")
	p := knock(t, broker.address, packet.V5)
	p.connect(&packet.Connect{CleanStart: true, ReceiveMaximum: 3, ClientID: []byte("c")})
	p.subscribe("m", packet.SubscriptionOptions{QoS: packet.QoS2})
	source := enter(t, broker.address, packet.V5, "source")
	for i := range 20 {
		source.sendPackets(&packet.Publish{Topic: []byte("m"), QoS: packet.QoS(1 + i%2), PacketID: uint16(i + 1), Payload: fmt.Append(nil, i)})
		source.nextType()
	}
	source.sendPackets(&packet.Publish{Topic: []byte("m"), Payload: []byte("QoS 0")})
	source.expectSilence()

	var open []*packet.Publish
	for range 3 {
		open = append(open, p.expectPublish())
	}
	require.Equal(t, "QoS 0", string(p.expectPublish().Payload))
	p.expectSilence()
	for i := range 20 {
		first := open[0]
		open = open[1:]
		require.Equal(t, fmt.Sprint(i), string(first.Payload))
		if first.QoS == packet.QoS1 {
			p.sendPackets(&packet.Puback{PacketID: first.PacketID})
		} else {
			p.sendPackets(&packet.Pubrec{PacketID: first.PacketID})
			p.expect(packet.TypePubrel)
			p.expectSilence() // PUBREC gives nothing back yet
			p.sendPackets(&packet.Pubcomp{PacketID: first.PacketID})
		}
		if i+3 < 20 {
			open = append(open, p.expectPublish())
		}
		p.expectSilence()
	}
}

// What a Client left unanswered comes again at once when it is back, with DUP
// and its Packet Identifier, in order and before what is new [MQTT-4.4.0-1].
func TestInflightRedelivery(t *testing.T) {
	for _, v := range []packet.Version{packet.V31, packet.V311, packet.V5} {
		broker := serveProcess(t, "")
		c := packet.Connect{ClientID: []byte("c"), HasSessionExpiry: true, SessionExpiry: 600}
		p := knock(t, broker.address, v)
		p.connect(&c)
		p.subscribe("m", packet.SubscriptionOptions{QoS: packet.QoS2})
		source := enter(t, broker.address, packet.V5, "source")
		say := func(qos packet.QoS, payload string) {
			source.sendPackets(&packet.Publish{Topic: []byte("m"), QoS: qos, PacketID: 1, Payload: []byte(payload)})
			if source.nextType() == packet.TypePubrec {
				source.sendPackets(&packet.Pubrel{PacketID: 1})
				source.expect(packet.TypePubcomp)
			}
		}
		say(packet.QoS1, "acknowledged")
		say(packet.QoS1, "1 open")
		say(packet.QoS2, "2 open")
		say(packet.QoS2, "2 received")
		say(packet.QoS2, "2 complete")
		var got []*packet.Publish
		for range 5 {
			got = append(got, p.expectPublish())
		}
		p.sendPackets(&packet.Puback{PacketID: got[0].PacketID}, &packet.Pubrec{PacketID: got[3].PacketID}, &packet.Pubrec{PacketID: got[4].PacketID})
		p.expect(packet.TypePubrel)
		p.expect(packet.TypePubrel)
		p.sendPackets(&packet.Pubcomp{PacketID: got[4].PacketID})
		p.expectSilence()
		require.NoError(t, p.conn.Close())
		say(packet.QoS1, "new")

		for range 2 { // and again, if it is lost again
			p = knock(t, broker.address, v)
			if present := p.connect(&c).SessionPresent; v != packet.V31 {
				require.True(t, present)
			}
			var order []string
			for range 4 {
				frame, err := p.next()
				require.NoError(t, err)
				var publish packet.Publish
				if packet.Type(frame[0]>>4) == packet.TypePubrel {
					var pubrel packet.Pubrel
					require.NoError(t, pubrel.Decode(frame, v))
					require.Equal(t, got[3].PacketID, pubrel.PacketID)
					continue // its place among the PUBLISH packets is free
				}
				require.NoError(t, publish.Decode(frame, v))
				order = append(order, string(publish.Payload))
				if at := len(order); at < 3 {
					require.Equal(t, got[at].PacketID, publish.PacketID)
					require.True(t, publish.Dup)
				}
			}
			require.Equal(t, []string{"1 open", "2 open", "new"}, order)
			p.expectSilence()
			require.NoError(t, p.conn.Close())
		}
	}
}

// A QoS 2 message that is sent again, on the same or on a new connection, is
// the same message [MQTT-4.3.3-10].
func TestExactlyOnceIn(t *testing.T) {
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		broker := serveProcess(t, "")
		watch := enter(t, broker.address, packet.V5, "watch")
		watch.subscribe("m", packet.SubscriptionOptions{})
		c := packet.Connect{ClientID: []byte("c"), HasSessionExpiry: true, SessionExpiry: 600}
		publish := packet.Publish{Topic: []byte("m"), QoS: packet.QoS2, PacketID: 7}
		for i := range 3 {
			p := knock(t, broker.address, v)
			require.Equal(t, i > 0, p.connect(&c).SessionPresent)
			publish.Dup = i > 0
			p.sendPackets(&publish)
			p.expect(packet.TypePubrec)
			require.NoError(t, p.conn.Close())
		}
		p := knock(t, broker.address, v)
		p.connect(&c)
		for range 2 {
			p.sendPackets(&packet.Pubrel{PacketID: 7})
			p.expect(packet.TypePubcomp)
		}
		watch.expectPublish()
		watch.expectSilence()
		p.sendPackets(&packet.Publish{Topic: []byte("m"), QoS: packet.QoS2, PacketID: 7}) // the identifier is free again
		p.expect(packet.TypePubrec)
		watch.expectPublish()
	}
}

// All that a Will can carry arrives with it.
func TestWillProperties(t *testing.T) {
	broker := serveProcess(t, "")
	watch := enter(t, broker.address, packet.V5, "watch")
	watch.subscribe("will", packet.SubscriptionOptions{QoS: packet.QoS2, RetainAsPublished: true})
	will := &packet.Will{
		QoS: packet.QoS2, Retain: true, HasMessageExpiry: true, MessageExpiry: 1000, HasPayloadFormat: true, PayloadFormat: 1,
		Topic: []byte("will"), Payload: []byte("payload"), ContentType: []byte("text"), ResponseTopic: []byte("answer"),
		CorrelationData: []byte{1, 2}, UserProperties: packet.UserProperties(nil).With("b", "1").With("a", "2").With("b", "1"),
	}
	p := knock(t, broker.address, packet.V5)
	p.connect(&packet.Connect{CleanStart: true, ClientID: []byte("c"), Will: will})
	require.NoError(t, p.conn.Close())
	got := *watch.expectPublish()
	want := *will.Publish()
	want.PacketID = got.PacketID
	require.Equal(t, want, got)
	late := enter(t, broker.address, packet.V311, "late")
	late.subscribe("will", packet.SubscriptionOptions{})
	require.True(t, late.expectPublish().Retain)
}

// Filters that begin with a wildcard do not match topics that begin with $
// [MQTT-4.7.2-1].
func TestDollarTopics(t *testing.T) {
	broker := serveProcess(t, "sys: {interval: 100ms}")
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		blind := enter(t, broker.address, v, "blind")
		blind.subscribe("#", packet.SubscriptionOptions{})
		blind.subscribe("+/broker/#", packet.SubscriptionOptions{})
		blind.subscribe("+/x", packet.SubscriptionOptions{})
		seeing := enter(t, broker.address, v, "seeing")
		seeing.subscribe("$own/#", packet.SubscriptionOptions{})
		source := enter(t, broker.address, v, "source")
		source.sendPackets(&packet.Publish{Topic: []byte("$own/x")}, &packet.Publish{Topic: []byte("own/x")})
		require.Equal(t, "$own/x", string(seeing.expectPublish().Topic))
		require.Equal(t, "own/x", string(blind.expectPublish().Topic))
		blind.expectSilence()
	}
}
