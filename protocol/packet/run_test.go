package packet

import (
	"bytes"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// sameBytes tells that two slices are the same memory.
func sameBytes(a, b []byte) bool {
	return len(a) == len(b) && unsafe.SliceData(a) == unsafe.SliceData(b)
}

// runOf puts frames of messages with different identifiers and payloads end to
// end.
func runOf(v Version, q QoS, payloads ...string) *Run {
	r := &Run{Version: v, QoS: q, Count: len(payloads)}
	for i, payload := range payloads {
		p := Publish{QoS: q, PacketID: uint16(i + 1), Topic: []byte("a/b"), Payload: []byte(payload)}
		if v == V5 && i%2 == 1 {
			p.ContentType, p.UserProperties = []byte("text"), UserProperties(nil).With("k", "v")
		}
		before := len(r.Frames)
		r.Frames = p.Append(r.Frames, v)
		r.Largest = max(r.Largest, len(r.Frames)-before)
	}
	r.Topic, r.Slab = topicOf(r.Frames), cap(r.Frames)
	return r
}

// messages decodes the frames of a layout, with the identifiers set as a sender
// does it.
func messages(t *testing.T, frames []byte, v Version) []Publish {
	t.Helper()
	frames = bytes.Clone(frames)
	var all []Publish
	for len(frames) > 0 {
		l := LayoutOf(frames, v)
		f := frames[:l.Size:l.Size]
		if l.ID > 0 {
			f[l.ID+1] |= 1
		}
		var p Publish
		require.NoError(t, p.Decode(f, v))
		p.SubscriptionIDs = nil
		all = append(all, p)
		frames = frames[l.Size:]
	}
	return all
}

// TestRunAs tries every layout from every layout.
func TestRunAs(t *testing.T) {
	for _, from := range []Version{V31, V311, V5} {
		for q := QoS0; q <= QoS2; q++ {
			r := runOf(from, q, "one", "", string(make([]byte, 119)), string(make([]byte, 130)))
			original := messages(t, r.Frames, from)
			for _, to := range []Version{V31, V311, V5} {
				for _, withID := range []bool{false, true} {
					got := r.As(to, withID)
					same := (from == V5) == (to == V5) && withID == (q > QoS0)
					require.Equal(t, same, sameBytes(got, r.Frames), "the original when it fits")
					require.True(t, sameBytes(got, r.As(to, withID)), "made once")
					converted := messages(t, got, to)
					require.Len(t, converted, r.Count)
					largest := 0
					for rest := got; len(rest) > 0; {
						l := LayoutOf(rest, to)
						largest = max(largest, l.Size)
						if l.ID > 0 && !same {
							require.Equal(t, []byte{0, 0}, rest[l.ID:l.ID+2])
						}
						rest = rest[l.Size:]
					}
					require.LessOrEqual(t, largest, r.LargestAs(to, withID))
					for i, p := range converted {
						want := original[i]
						if !same {
							want.PacketID = 0
						}
						if !withID {
							want.QoS = QoS0
						} else {
							want.QoS = max(q, QoS1)
							if !same {
								want.PacketID = 1
							}
						}
						if from == V5 && to != V5 {
							want.ContentType, want.UserProperties = nil, nil
						}
						require.Equal(t, want, p, "%v QoS %d as %v %v, frame %d", from, q, to, withID, i)
					}
				}
			}
		}
	}
}

// TestRunAsShared races for one conversion: all get the same.
func TestRunAsShared(t *testing.T) {
	for range 50 {
		r := runOf(V311, QoS1, "one", "two")
		got := make([][]byte, 8)
		owned := make([]*Run, len(got))
		r.Slab = 1 << 20
		var wg sync.WaitGroup
		for i := range got {
			wg.Go(func() { got[i], owned[i] = r.As(V5, false), r.Owned() })
		}
		wg.Wait()
		for i := range got {
			require.True(t, sameBytes(got[0], got[i]))
			require.Same(t, owned[0], owned[i])
		}
	}
}

func TestRunOwned(t *testing.T) {
	small := runOf(V311, QoS1, "one")
	require.Same(t, small, small.Owned(), "pins nothing else")

	slab := make([]byte, 64<<10)
	r := runOf(V5, QoS1, "one", "two")
	r.Retain, r.HasExpiry, r.Expiry = true, true, 9
	n := copy(slab[100:], r.Frames)
	r.Frames, r.Slab = slab[100:100+n], len(slab)
	r.Topic = topicOf(r.Frames)
	want := bytes.Clone(r.Frames)

	o := r.Owned()
	require.NotSame(t, r, o)
	require.Same(t, o, r.Owned())
	require.Same(t, o, o.Owned())
	clear(slab)
	require.Equal(t, want, o.Frames)
	require.Equal(t, "a/b", string(o.Topic))
	require.LessOrEqual(t, o.Slab, n+64)
	require.Equal(t, []any{r.Count, r.Version, r.QoS, r.Retain, r.HasExpiry, r.Expiry, r.Largest},
		[]any{o.Count, o.Version, o.QoS, o.Retain, o.HasExpiry, o.Expiry, o.Largest})
}

func TestNewRun(t *testing.T) {
	p := Publish{Dup: true, Retain: true, QoS: QoS2, PacketID: 5, TopicAlias: 3, SubscriptionIDs: []uint32{1}, HasMessageExpiry: true,
		MessageExpiry: 60, Topic: []byte("a/b"), ContentType: []byte("text"), Payload: []byte("hi")}
	r := NewRun(&p, V5)
	require.Equal(t, frame(0x35, str("a/b"), u16(5), props(prop(0x02, u32(60)), prop(0x03, str("text"))), rawText("hi")), r.Frames)
	require.Equal(t, 1, r.Count)
	require.Equal(t, "a/b", string(r.Topic))
	require.Equal(t, []any{V5, QoS2, true, true, uint32(60), len(r.Frames)}, []any{r.Version, r.QoS, r.Retain, r.HasExpiry, r.Expiry, r.Largest})
	require.Same(t, r, r.Owned())
	require.True(t, p.Dup, "the message is left as it was")

	early := NewRun(&p, V311)
	require.False(t, early.HasExpiry)
	require.Zero(t, early.Expiry)
	require.Equal(t, frame(0x35, str("a/b"), u16(5), rawText("hi")), early.Frames)
}

func TestLayout(t *testing.T) {
	for _, c := range []struct {
		name    string
		version Version
		frame   []byte
		want    Layout
	}{
		{"QoS 0", V311, frame(0x30, str("a/b"), rawText("hi")), Layout{9, 4, 7, 0, 7, 7, 7, 7}},
		{"QoS 1", V311, frame(0x32, str("a/b"), u16(1), rawText("hi")), Layout{11, 4, 7, 7, 9, 9, 9, 9}},
		{"QoS 0, no properties", V5, frame(0x30, str("a/b"), props(), rawText("hi")), Layout{10, 4, 7, 0, 7, 8, 8, 8}},
		{"QoS 2, properties", V5, frame(0x34, str("a/b"), u16(1), props(prop(0x01, raw(1))), rawText("hi")), Layout{14, 4, 7, 7, 9, 10, 12, 12}},
		{"long", V5, frame(0x32, str("a/b"), u16(1), props(prop(0x09, str(string(make([]byte, 200))))), make([]byte, 20_000)),
			Layout{20_216, 6, 9, 9, 11, 13, 216, 216}},
	} {
		t.Run(c.version.String()+" "+c.name, func(t *testing.T) {
			got := LayoutOf(append(c.frame[:len(c.frame):len(c.frame)], 0x30, 0xff), c.version)
			var p Publish
			require.NoError(t, p.Decode(c.frame, c.version))
			require.Equal(t, len(c.frame), got.Size)
			require.Equal(t, p.Topic, c.frame[got.Topic:got.TopicEnd:got.TopicEnd])
			require.Equal(t, p.Payload, c.frame[got.Payload:got.Size])
			require.Equal(t, c.want, got)
			require.Equal(t, got.PropertiesEnd, got.Payload)
			require.Equal(t, c.version == V5, got.Properties > got.PropertyLength)
		})
	}
}

// What nobody gave a Packet Identifier, like a Will, is a whole frame all the same.
func TestNewRunOfAMessageWithoutPacketIdentifier(t *testing.T) {
	for _, v := range []Version{V311, V5} {
		run := NewRun(&Publish{QoS: QoS1, Topic: []byte("a"), Payload: []byte("x")}, v)
		var p Publish
		if err := p.Decode(run.Frames, v); err != nil || p.PacketID == 0 {
			t.Errorf("%v: identifier %d, %v", v, p.PacketID, err)
		}
	}
}

// TestAppendAsIsFrameByFrame: a whole run converted is its frames converted one by one, whoever asks and however often.
func TestAppendAsIsFrameByFrame(t *testing.T) {
	long := string(make([]byte, 119))
	for _, payloads := range [][]string{
		{"one"}, {"one", "two", "six", "", "ten"}, {"", ""}, {long, long, long + "x", long + "y", "", long},
	} {
		for _, from := range []Version{V31, V311, V5} {
			for q := QoS0; q <= QoS2; q++ {
				for _, to := range []Version{V31, V311, V5} {
					for _, withID := range []bool{false, true} {
						for _, plain := range []bool{true, false} {
							r := runOf(from, q, payloads...)
							if plain {
								r = plainRunOf(from, q, payloads...)
							}
							var want []byte
							for one := range r.Each() {
								want = append(want, one.As(to, withID)...)
							}
							want = append([]byte("before"), want...)
							if r.Count == 1 {
								r.derived.Store(nil)
							}
							for range 3 {
								require.Equal(t, want, r.AppendAs([]byte("before"), to, withID))
							}
							require.Equal(t, want[len("before"):], r.As(to, withID))
						}
					}
				}
			}
		}
	}
}

// plainRunOf is runOf without properties in any frame.
func plainRunOf(v Version, q QoS, payloads ...string) *Run {
	r := &Run{Version: v, QoS: q, Count: len(payloads)}
	for i, payload := range payloads {
		p := Publish{QoS: q, PacketID: uint16(i + 1), Topic: []byte("a/b"), Payload: []byte(payload)}
		r.Frames = p.Append(r.Frames, v)
	}
	r.Topic, r.Slab = topicOf(r.Frames), cap(r.Frames)
	return r
}

// TestFirstToAppendAllocatesNothing: with room in the buffer, as there mostly is.
func TestFirstToAppendAllocatesNothing(t *testing.T) {
	r := plainRunOf(V5, QoS1, "one", "two", "six")
	buffer := make([]byte, 0, 1024)
	require.Zero(t, testing.AllocsPerRun(10, func() {
		r.asked.Store(0)
		r.AppendAs(buffer, V311, false)
	}))
}
