package packet

import (
	"bytes"
	"reflect"
	"runtime"
	"testing"
)

// seeds are valid frames of every type and version, to start fuzzing from.
func seeds() [][]byte {
	return [][]byte{
		frame(0x10, open31(2), str("c")),
		frame(0x10, open311(0b1110_1110), str("c"), str("w"), str("gone"), str("u"), str("p")),
		everyConnect(),
		everyConnack(),
		raw(0x20, 2, 1, 0),
		frame(0x30, str("a/b"), rawText("hi")),
		frame(0x3D, str("a"), u16(5), everyPublishProperty(), rawText("hi")),
		frame(0x30, str("größe"), make([]byte, 130)),
		frame(0x30, str(""), props(prop(0x23, u16(1)))),
		raw(0x40, 2, 0, 1),
		frame(0x50, u16(1), raw(0x97), props(prop(0x1F, str("why")), user("a", "b"))),
		raw(0x62, 3, 0, 1, 0x92),
		raw(0x70, 2, 0, 1),
		frame(0x82, u16(1), str("a/+"), raw(1), str("b/#"), raw(2)),
		frame(0x82, u16(1), props(prop(0x0B, raw(1)), user("a", "b")), str("a"), raw(0x2E)),
		frame(0x90, u16(1), props(), raw(0, 0x87)),
		frame(0xA2, u16(1), str("a"), str("b/#")),
		frame(0xB0, u16(1), props(prop(0x1F, str("why"))), raw(0x11)),
		raw(0xC0, 0),
		raw(0xD0, 0),
		frame(0xE0, raw(0x9C), props(prop(0x11, u32(1)), prop(0x1C, str("there")), user("a", "b"))),
		frame(0xF0, raw(0x18), props(prop(0x15, str("SCRAM")), prop(0x16, str("x")))),
	}
}

func addSeeds(f *testing.F) {
	for _, s := range seeds() {
		for _, v := range []Version{V31, V311, V5} {
			f.Add(s, uint8(v))
		}
	}
}

// anyVersion makes one of the three versions out of any byte.
func anyVersion(b uint8) Version { return V31 + Version(b)%3 }

// FuzzDecode takes any bytes for a packet of the type that they claim to be.
// Decode must not panic, must give an *Error and nothing else, must not write
// to the frame, and must allocate in proportion to it. What it accepts is
// encoded to bytes that decode to the same packet and encode to themselves.
func FuzzDecode(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte, version uint8) {
		v := anyVersion(version)
		if len(b) == 0 {
			return
		}
		p := newPacket(Type(b[0] >> 4))
		if p == nil {
			return
		}
		before := bytes.Clone(b)
		allocated := allocatedBytes(func() {
			if err := p.Decode(b, v); err != nil {
				if _, ok := err.(*Error); !ok {
					t.Fatalf("%T: %v", err, err)
				}
				p = nil
			}
		})
		if !bytes.Equal(before, b) {
			t.Fatal("Decode wrote to the frame")
		}
		// The dearest input is a list of empty Topic Filters: 3 bytes make an
		// entry of 32, and append at most doubles. 64 KiB are for the runtime's
		// own doings meanwhile.
		if limit := uint64(64*len(b)) + 64<<10; allocated > limit {
			t.Fatalf("%d bytes allocated for a packet of %d", allocated, len(b))
		}
		if p == nil {
			return
		}
		once := p.Append(nil, v)
		q := newPacket(Type(b[0] >> 4))
		if err := q.Decode(once, v); err != nil {
			t.Fatalf("what Append wrote is refused: %v\n%x", err, once)
		}
		if !reflect.DeepEqual(p, q) {
			t.Fatalf("decoded again:\n%+v\nat first:\n%+v", q, p)
		}
		if twice := q.Append(nil, v); !bytes.Equal(once, twice) {
			t.Fatalf("encoded again:\n%x\nat first:\n%x", twice, once)
		}
	})
}

// allocatedBytes counts what run allocates, and what the rest of the process
// does meanwhile.
func allocatedBytes(run func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// FuzzReadHeader reads a header from every prefix that matters: more bytes
// never change a verdict, and what is read agrees with Decode.
func FuzzReadHeader(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s, uint32(0))
		f.Add(s, uint32(len(s)))
		f.Add(s, uint32(len(s)-1))
	}
	f.Add(raw(0x30, 0xff, 0xff, 0xff, 0x7f), uint32(1<<20))
	f.Add(raw(0x30, 0x80, 0x80, 0x80, 0x80, 1), uint32(0))
	f.Fuzz(func(t *testing.T, b []byte, limit uint32) {
		whole, ok, err := ReadHeader(b, limit)
		decided := false
		for n := range min(len(b), 7) {
			h, prefixOK, prefixErr := ReadHeader(b[:n], limit)
			if decided && !prefixOK && prefixErr == nil {
				t.Fatalf("%d bytes decide less than %d", n, n-1)
			}
			if decided = prefixOK || prefixErr != nil; !decided {
				continue
			}
			if prefixOK != ok || h != whole || !reflect.DeepEqual(prefixErr, err) {
				t.Fatalf("%d bytes: %+v %v %v, all: %+v %v %v", n, h, prefixOK, prefixErr, whole, ok, err)
			}
		}
		if !ok {
			return
		}
		if limit > 0 && uint32(whole.FrameSize()) > limit {
			t.Fatalf("%d bytes pass a limit of %d", whole.FrameSize(), limit)
		}
		if again := appendVarint(raw(b[0]), whole.Remaining); !bytes.Equal(again, b[:whole.Size]) {
			t.Fatalf("header %x is encoded as %x", b[:whole.Size], again)
		}
	})
}

// FuzzPublishPlain compares the short way through Decode with the long one.
func FuzzPublishPlain(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte, version uint8) {
		v := anyVersion(version)
		var short, long Publish
		if !short.decodePlain(b, v) {
			return
		}
		if err := long.decode(b, v); err != nil {
			t.Fatalf("the short way accepts what is wrong: %v", err)
		}
		if !reflect.DeepEqual(short, long) {
			t.Fatalf("short:\n%+v\nlong:\n%+v", short, long)
		}
	})
}

// FuzzRun makes a Run of any two valid messages and asks for each layout twice.
func FuzzRun(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte, version uint8) {
		v := anyVersion(version)
		var p Publish
		if p.Decode(b, v) != nil || len(p.Topic) == 0 {
			return
		}
		r := NewRun(&p, v)
		r.Frames, r.Count = append(r.Frames, r.Frames...), 2
		for _, to := range []Version{V31, V311, V5} {
			for _, withID := range []bool{false, true} {
				once := r.As(to, withID)
				if !sameBytes(once, r.As(to, withID)) {
					t.Fatal("converted twice")
				}
				got := messages(t, once, to)
				if len(got) != 2 {
					t.Fatalf("%d frames", len(got))
				}
				for _, m := range got {
					if !bytes.Equal(m.Topic, p.Topic) || !bytes.Equal(m.Payload, p.Payload) || m.Retain != p.Retain {
						t.Fatalf("as %v: %+v, original: %+v", to, m, p)
					}
					kept := to.hasProperties() && v.hasProperties()
					if kept && !bytes.Equal(m.UserProperties, p.UserProperties) || !kept && m.propertiesSize(V5) > 0 {
						t.Fatalf("properties as %v: %+v, original: %+v", to, m, p)
					}
				}
				if to.hasProperties() == v.hasProperties() || v.hasProperties() {
					continue
				}
				// There and back again, where nothing is lost on the way.
				back := &Run{Frames: once, Count: 2, Version: to, QoS: got[0].QoS, Topic: r.Topic}
				first := r.As(v, withID)
				if again := back.As(v, withID); withID != (r.QoS > QoS0) && !bytes.Equal(again, first) {
					t.Fatalf("%x there and back is %x", first, again)
				}
			}
		}
	})
}

// FuzzText compares the fast judgement with one rune after the other.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "a/b", "größe", "a\x00", "\xed\xa0\x80", "\xff", "0123456789abcdef\x80"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		want := true
		for i, r := range string(b) {
			if r == 0 || r == 0xFFFD && !bytes.HasPrefix(b[i:], []byte("\uFFFD")) {
				want = false
			}
		}
		if got := judgeText(b, "text") == nil; got != want {
			t.Fatalf("%q: %v, want %v", b, got, want)
		}
	})
}
