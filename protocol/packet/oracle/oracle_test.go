package oracle

import (
	"errors"
	"reflect"
	"testing"

	"github.com/troupemq/troupe/protocol/packet"
)

// rounds is how many packets of each type and version are compared.
const rounds = 300

// each runs compare for packets of every type and version. Seeds are fixed: a
// failure names the one that makes the packet again.
func each(t *testing.T, versions []packet.Version, compare func(t *testing.T, g generator, p codec, v packet.Version)) {
	for _, v := range versions {
		for typ := packet.TypeConnect; typ <= packet.TypeAuth; typ++ {
			if typ == packet.TypeAuth && v != packet.V5 {
				continue
			}
			t.Run(v.String()+" "+typ.String(), func(t *testing.T) {
				for seed := range uint64(rounds) {
					g := newGenerator(seed)
					compare(t, g, g.packet(typ, v), v)
					if t.Failed() {
						t.Fatalf("seed %d", seed)
					}
				}
			})
		}
	}
}

var all = []packet.Version{packet.V31, packet.V311, packet.V5}

func equal(t *testing.T, what string, frame []byte, got, want view) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s of %x:\n%+v\nwant:\n%+v", what, frame, got, want)
	}
}

func TestMochiReadsOurs(t *testing.T) {
	each(t, all, func(t *testing.T, _ generator, p codec, v packet.Version) {
		frame := p.Append(nil, v)
		m, err := mochiDecode(frame, v)
		if err != nil && !mochiTooStrict(p, v, err) {
			t.Errorf("refuses %x: %v", frame, err)
			return
		}
		equal(t, "mochi's reading", frame, mochiMisreads(mochiView(m), frame, v), viewOf(p, v))
	})
}

func TestWeReadMochis(t *testing.T) {
	each(t, all, func(t *testing.T, _ generator, p codec, v packet.Version) {
		m, err := mochiDecode(p.Append(nil, v), v)
		if err != nil && !mochiTooStrict(p, v, err) {
			t.Error(err)
			return
		}
		want := mochiLoses(mochiView(m))
		frame, err := mochiEncode(m)
		if err != nil {
			t.Error(err)
			return
		}
		q := newCodec(packet.Type(frame[0] >> 4))
		if err := q.Decode(frame, v); err != nil {
			t.Errorf("we refuse mochi's %x: %v", frame, err)
			return
		}
		equal(t, "our reading", frame, viewOf(q, v), want)
	})
}

func TestPahoReadsOurs(t *testing.T) {
	each(t, all[2:], func(t *testing.T, _ generator, p codec, v packet.Version) {
		frame := p.Append(nil, v)
		m, err := pahoDecode(frame)
		if pahoTooStrict(frame) {
			return
		}
		if err != nil {
			t.Errorf("refuses %x: %v", frame, err)
			return
		}
		equal(t, "Paho's reading", frame, pahoView(m), pahoMisses(viewOf(p, v)))
	})
}

func TestWeReadPahos(t *testing.T) {
	each(t, all[2:], func(t *testing.T, _ generator, p codec, v packet.Version) {
		frame := p.Append(nil, v)
		if pahoTooStrict(frame) {
			return
		}
		m, err := pahoDecode(frame)
		if err != nil {
			t.Error(err)
			return
		}
		frame, err = pahoEncode(m)
		if err != nil {
			t.Error(err)
			return
		}
		q := newCodec(packet.Type(frame[0] >> 4))
		if err := q.Decode(frame, v); err != nil {
			t.Errorf("we refuse Paho's %x: %v", frame, err)
			return
		}
		equal(t, "our reading", frame, viewOf(q, v), pahoLoses(pahoView(m)))
	})
}

// TestBroken breaks frames and wants the same verdict of all, and the same
// reading where the verdict is good.
func TestBroken(t *testing.T) {
	const breaks = 20
	accepted, refused := 0, 0
	each(t, all, func(t *testing.T, g generator, p codec, v packet.Version) {
		whole := p.Append(nil, v)
		for range breaks {
			frame := g.mutate(whole, v)
			q := newCodec(packet.Type(frame[0] >> 4))
			ours := q.Decode(frame, v)
			version := v
			if c, ok := q.(*connect); ok && ours == nil {
				version = c.Version // a broken byte can turn one into another
			}
			m, err := mochiDecode(frame, version)
			if ours != nil {
				refused++
				var e *packet.Error
				if !errors.As(ours, &e) {
					t.Errorf("%x: %T is not an *Error", frame, ours)
				} else if err == nil && !mochiTooLax(frame, version, e) {
					t.Errorf("mochi accepts %x, we do not: %v", frame, ours)
				}
				continue
			}
			accepted++
			switch {
			case err == nil:
				equal(t, "mochi's reading", frame, mochiMisreads(mochiView(m), frame, version), viewOf(q, version))
			case !mochiTooStrict(q, version, err):
				t.Errorf("mochi refuses %x, we do not: %v", frame, err)
			}
			if version != packet.V5 || pahoTooStrict(frame) {
				continue
			}
			if m, err := pahoDecode(frame); err != nil {
				t.Errorf("Paho refuses %x, we do not: %v", frame, err)
			} else {
				equal(t, "Paho's reading", frame, pahoView(m), pahoMisses(viewOf(q, version)))
			}
		}
	})
	t.Logf("%d accepted, %d refused", accepted, refused)
	if accepted < 1000 || refused < 1000 {
		t.Errorf("%d accepted, %d refused: too few of one to mean anything", accepted, refused)
	}
}
