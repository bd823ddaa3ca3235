package persistence_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// fromBodies gives a body as it comes from a store.
func fromBodies(shared []*packet.Run) func(uint64) (*packet.Run, error) {
	return func(id uint64) (*packet.Run, error) {
		if id == 0 || id > uint64(len(shared)) {
			return nil, errUnknownBody
		}
		return persistence.DecodeBody(id, persistence.AppendBody(nil, shared[id-1]))
	}
}

var errUnknownBody = errors.New("no such body")

func TestAPageComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shared := drawBodies(t)
		want := drawPage(t, rapid.Uint64Range(0, 1<<50).Draw(t, "first"), shared)
		value := persistence.AppendPage([]byte("before"), want, numberOf)[len("before"):]
		ids, err := persistence.PageBodies(value)
		require.NoError(t, err)
		require.Equal(t, bodiesOf(want), ids)
		got, err := persistence.DecodePage(value, fromBodies(shared))
		require.NoError(t, err)
		for i := range value {
			value[i] = 0xee // a page shares nothing with its value
		}
		requirePage(t, want, got)
	})
}

func TestTermsOfAPageAreShared(t *testing.T) {
	run := packet.NewRun(&packet.Publish{Topic: []byte("a"), QoS: packet.QoS1}, packet.V311)
	entry := func(seq uint64, terms session.Terms) session.Stored {
		return session.Stored{Run: run, Terms: &terms, Seq: seq, End: uint32(len(run.Frames)), Count: 1}
	}
	read := func(p session.Page) session.Page {
		got, err := persistence.DecodePage(persistence.AppendPage(nil, p, numberOf), nil)
		require.NoError(t, err)
		requirePage(t, p, got)
		return got
	}
	ids := session.Terms{QoS: packet.QoS1, IDs: []uint32{1, 2}}
	one := read(session.Page{entry(1, session.Terms{QoS: packet.QoS1}), entry(2, ids), entry(3, session.Terms{QoS: packet.QoS1}), entry(4, ids)})
	require.Same(t, one[0].Terms, one[2].Terms)
	require.Same(t, one[1].Terms, one[3].Terms)
	other := read(session.Page{entry(9, session.Terms{QoS: packet.QoS1})})
	require.Same(t, one[0].Terms, other[0].Terms, "terms without anything of their own are the same in all pages")

	var many session.Page // more than are compared
	for i := range 200 {
		many = append(many, entry(uint64(i), session.Terms{QoS: packet.QoS1, IDs: []uint32{uint32(i%100) + 1}}))
	}
	read(many)
}

func TestAPageWithABodyThatIsNotThereIsRefused(t *testing.T) {
	run := packet.NewRun(&packet.Publish{Topic: []byte("a"), QoS: packet.QoS1}, packet.V311)
	run.Body = packet.Known(7)
	page := session.Page{{Run: run, Terms: &session.Terms{}, Seq: 1, End: uint32(len(run.Frames)), Count: 1}}
	value := persistence.AppendPage(nil, page, numberOf)
	_, err := persistence.DecodePage(value, fromBodies(nil))
	require.ErrorIs(t, err, errUnknownBody)

	shorter := packet.NewRun(&packet.Publish{Topic: []byte("a"), QoS: packet.QoS1, Payload: []byte("other")}, packet.V311)
	_, err = persistence.DecodePage(value, func(uint64) (*packet.Run, error) { return shorter, nil })
	require.ErrorIs(t, err, persistence.ErrCorrupt)
	require.ErrorContains(t, err, "body 7")
}

func TestADamagedPageIsRefused(t *testing.T) {
	own := packet.NewRun(&packet.Publish{Topic: []byte("a/b"), QoS: packet.QoS1, Payload: []byte("hello"), ContentType: []byte("x")}, packet.V5)
	shared := []*packet.Run{
		packet.NewRun(&packet.Publish{Topic: []byte("c"), QoS: packet.QoS2, Payload: []byte("x")}, packet.V311),
		packet.NewRun(&packet.Publish{Topic: []byte("d"), QoS: packet.QoS1, HasMessageExpiry: true, MessageExpiry: 60}, packet.V5),
	}
	page := session.Page{{Run: own, Terms: &session.Terms{QoS: 1, IDs: []uint32{300}, Shared: "$share/a/b"}, At: 1_700_000_000_000, Seq: 100, End: uint32(len(own.Frames)), Count: 1}}
	for i, r := range shared {
		r.Body = packet.Known(uint64(i) + 1)
		page = append(page, session.Stored{Run: r, Terms: &session.Terms{QoS: 2}, At: 1_700_000_000_001, Seq: 200 + uint64(i), End: uint32(len(r.Frames)), Count: 1})
	}
	value := persistence.AppendPage(nil, page, numberOf)
	requireDamage(t, value, "a page of a queue", func(b []byte) error {
		_, err := persistence.DecodePage(b, fromBodies(shared))
		if errors.Is(err, errUnknownBody) {
			return nil
		}
		return err
	})
}

func TestABodyComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawRun(t, packet.QoS0)
		value := persistence.AppendBody(nil, want)
		got, err := persistence.DecodeBody(42, value)
		require.NoError(t, err)
		clear(value)
		requireFrames(t, want, 0, uint32(len(want.Frames)), uint32(want.Count), got)
		require.EqualValues(t, 42, numberOf(got))
	})
}

func TestADamagedBodyIsRefused(t *testing.T) {
	r := packet.NewRun(&packet.Publish{Topic: []byte("a/b"), QoS: packet.QoS1, Payload: []byte("hello"), HasMessageExpiry: true, MessageExpiry: 60}, packet.V5)
	r.Deadline = 60_000
	requireDamage(t, persistence.AppendBody(nil, r), "a shared body", func(b []byte) error {
		_, err := persistence.DecodeBody(1, b)
		return err
	})
}

func FuzzPage(f *testing.F) {
	for seed := range 20 {
		f.Add(rapid.Custom(func(t *rapid.T) []byte {
			shared := drawBodies(t)
			return persistence.AppendPage(nil, drawPage(t, rapid.Uint64Range(0, 1000).Draw(t, "first"), shared), numberOf)
		}).Example(seed))
	}
	shared := rapid.Custom(func(t *rapid.T) []*packet.Run { return []*packet.Run{drawRun(t, packet.QoS1), drawRun(t, packet.QoS1)} }).Example(1)
	body := func(id uint64) (*packet.Run, error) {
		r := shared[id%2].Owned()
		return persistence.DecodeBody(id, persistence.AppendBody(nil, r))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ids, bodiesErr := persistence.PageBodies(b)
		page, err := persistence.DecodePage(b, body)
		if err != nil {
			require.ErrorIs(t, err, persistence.ErrCorrupt)
			return
		}
		require.NoError(t, bodiesErr)
		require.Subset(t, ids, bodiesOf(page))
		for i := range page {
			frames := page[i].Run.As(packet.V5, true) // what reads frames must not panic
			require.NotEmpty(t, frames)
		}
		value := persistence.AppendPage(nil, page, numberOf)
		again, err := persistence.DecodePage(value, body)
		require.NoError(t, err)
		requirePage(t, page, again)
		require.Equal(t, value, persistence.AppendPage(nil, again, numberOf))
	})
}

func BenchmarkPage(b *testing.B) {
	for _, kind := range []string{"own", "shared"} {
		var page session.Page
		terms := &session.Terms{QoS: packet.QoS1}
		runs := make(map[uint64]*packet.Run)
		for i := range 100 {
			r := packet.NewRun(&packet.Publish{Topic: fmt.Appendf(nil, "devices/%d/state", i), QoS: packet.QoS1, Payload: make([]byte, 100)}, packet.V311)
			if kind == "shared" {
				r.Body = packet.Known(uint64(i) + 1_000_000)
				runs[uint64(i)+1_000_000] = r
			}
			page = append(page, session.Stored{Run: r, Terms: terms, At: 1_700_000_000_000, Seq: 5000 + uint64(i), End: uint32(len(r.Frames)), Count: 1})
		}
		value := persistence.AppendPage(nil, page, numberOf)
		b.Run("append/"+kind, func(b *testing.B) {
			b.ReportAllocs()
			b.ReportMetric(float64(len(value))/float64(len(page)), "B/entry")
			dst := value[:0:len(value)]
			for b.Loop() {
				dst = persistence.AppendPage(dst[:0], page, numberOf)
			}
		})
		body := func(id uint64) (*packet.Run, error) { return runs[id], nil }
		value = persistence.AppendPage(nil, page, numberOf)
		b.Run("decode/"+kind, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := persistence.DecodePage(value, body)
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
