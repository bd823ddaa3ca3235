package packet

import "testing"

// benchmarkPublishes are what brokers mostly carry.
func benchmarkPublishes() map[string]struct {
	version Version
	publish Publish
} {
	topic, payload := []byte("sensors/building7/room12"), make([]byte, 64)
	return map[string]struct {
		version Version
		publish Publish
	}{
		"v311/QoS0": {V311, Publish{Topic: topic, Payload: payload}},
		"v311/QoS1": {V311, Publish{Topic: topic, Payload: payload, QoS: QoS1, PacketID: 7}},
		"v5/QoS0":   {V5, Publish{Topic: topic, Payload: payload}},
		"v5/properties": {V5, Publish{Topic: topic, Payload: payload, QoS: QoS1, PacketID: 7, HasMessageExpiry: true,
			MessageExpiry: 60, ContentType: []byte("text/plain"), UserProperties: UserProperties(nil).With("a", "b")}},
	}
}

func BenchmarkPublishDecode(b *testing.B) {
	for name, c := range benchmarkPublishes() {
		frame := c.publish.Append(nil, c.version)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var p Publish
			for b.Loop() {
				if err := p.Decode(frame, c.version); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPublishAppend(b *testing.B) {
	for name, c := range benchmarkPublishes() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				dst = c.publish.Append(dst[:0], c.version)
			}
		})
	}
}

func BenchmarkReadHeader(b *testing.B) {
	frame := (&Publish{Topic: []byte("a"), Payload: make([]byte, 300)}).Append(nil, V311)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok, err := ReadHeader(frame, 1<<20); !ok || err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRunAs(b *testing.B) {
	r := NewRun(&Publish{Topic: []byte("sensors/building7/room12"), Payload: make([]byte, 64), QoS: QoS1, PacketID: 7}, V311)
	b.ReportAllocs()
	for b.Loop() {
		if len(r.As(V5, true)) == 0 {
			b.Fatal("no frames")
		}
	}
}

// BenchmarkRunAppendAs is a read of 400 messages of a publisher of version 5.0 on its way to one receiver of 3.1.1.
func BenchmarkRunAppendAs(b *testing.B) {
	const frames = 400
	p := Publish{Topic: []byte("sensors/building7/room12"), Payload: make([]byte, 128)}
	r := &Run{Version: V5, Count: frames}
	for range frames {
		r.Frames = p.Append(r.Frames, V5)
	}
	r.Topic = topicOf(r.Frames)
	buffer := make([]byte, 0, 2*len(r.Frames))
	b.ReportAllocs()
	for b.Loop() {
		r.asked.Store(0)
		r.AppendAs(buffer, V311, false)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/frames, "ns/frame")
}
