package persistence_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupemq/troupe/persistence"
	"github.com/troupemq/troupe/persistence/memory"
	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// drawPages draws the pages of a session, in their order.
func drawPages(t *rapid.T, shared []*packet.Run) (pages []session.Page) {
	next := rapid.Uint64Range(0, 10).Draw(t, "first of all")
	for range rapid.IntRange(0, 6).Draw(t, "pages") {
		p := drawPage(t, next, shared)
		pages = append(pages, p)
		next = end(p) + rapid.Uint64Range(0, 3).Draw(t, "gap between pages")
	}
	return pages
}

func end(p session.Page) uint64 { return p[len(p)-1].Seq + uint64(p[len(p)-1].Count) }

func size(p session.Page) (n int) {
	for i := range p {
		n += int(p[i].End - p[i].Offset)
	}
	return n
}

func putPages(b *persistence.Batch, sid uint64, pages []session.Page) {
	for _, p := range pages {
		b.Put(persistence.PartPage.Key(sid, p[0].Seq), persistence.AppendPage(nil, p, numberOf))
	}
}

// TestPagesAreLoadedFromWhereTheyAreNeeded compares with a search through all pages.
func TestPagesAreLoadedFromWhereTheyAreNeeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store := memory.New()
		shared := drawBodies(t)
		var batch persistence.Batch
		missing := make(map[uint64]bool)
		for i, r := range shared {
			if missing[uint64(i)+1] = rapid.IntRange(0, 4).Draw(t, "missing") == 0; !missing[uint64(i)+1] {
				batch.Put(persistence.PartBody.Key(uint64(i)+1), persistence.AppendBody(nil, r))
			}
		}
		for _, neighbour := range []uint64{6, 8} {
			putPages(&batch, neighbour, drawPages(t, shared))
		}
		all := drawPages(t, shared)
		putPages(&batch, 7, all)
		require.NoError(t, store.Apply(&batch))

		from, most := rapid.Uint64Range(0, 60).Draw(t, "from"), rapid.IntRange(0, 2000).Draw(t, "most")
		for {
			got, last, err := persistence.LoadPages(store, 7, from, most)
			require.NoError(t, err)
			var needed []session.Page
			for _, p := range all {
				if end(p) > from {
					needed = append(needed, p)
				}
			}
			n, sum := 0, 0
			for n < len(needed) && (n == 0 || sum+size(needed[n]) <= most) {
				sum += size(needed[n])
				n++
			}
			require.Len(t, got, n)
			require.Equal(t, n == len(needed), last)
			for i, p := range needed[:n] {
				lost, there := 0, session.Page{}
				for _, e := range p {
					if e.Run.Body != nil && missing[numberOf(e.Run)] {
						lost += int(e.Count)
						continue
					}
					there = append(there, e)
				}
				require.Equal(t, p[0].Seq, got[i].First)
				require.Equal(t, size(p), got[i].Size)
				require.Equal(t, bodiesOf(p), got[i].Bodies)
				require.Equal(t, lost, got[i].Lost)
				requirePage(t, there, got[i].Page)
			}
			if last {
				return
			}
			from = end(needed[n-1])
		}
	})
}

// Damage is told with its place, and what stands before it is not lost.
func TestPagesBeforeDamageAreLoaded(t *testing.T) {
	run := packet.NewRun(&packet.Publish{Topic: []byte("a"), QoS: packet.QoS1}, packet.V311)
	page := func(seq uint64) session.Page {
		return session.Page{{Run: run, Terms: &session.Terms{}, Seq: seq, End: uint32(len(run.Frames)), Count: 1}}
	}
	sound := func() *memory.Store {
		store := memory.New()
		var batch persistence.Batch
		putPages(&batch, 7, []session.Page{page(1), page(2), page(3)})
		require.NoError(t, store.Apply(&batch))
		return store
	}
	value := persistence.AppendPage(nil, page(2), numberOf)
	for _, damaged := range [][]byte{{1}, value[:len(value)-1]} { // in its head, in its frames
		store := sound()
		var batch persistence.Batch
		batch.Put(persistence.PartPage.Key(7, 2), damaged)
		require.NoError(t, store.Apply(&batch))
		got, last, err := persistence.LoadPages(store, 7, 0, 1<<20)
		require.ErrorIs(t, err, persistence.ErrCorrupt)
		require.ErrorContains(t, err, "session 7, page 2")
		require.False(t, last)
		require.Len(t, got, 1)
	}

	known := packet.NewRun(&packet.Publish{Topic: []byte("a"), QoS: packet.QoS1}, packet.V311)
	known.Body = packet.Known(5)
	store := sound()
	var batch persistence.Batch
	putPages(&batch, 7, []session.Page{{{Run: known, Terms: &session.Terms{}, Seq: 4, End: uint32(len(known.Frames)), Count: 1}}})
	batch.Put(persistence.PartBody.Key(5), []byte{1, 4, 0x32})
	require.NoError(t, store.Apply(&batch))
	got, _, err := persistence.LoadPages(store, 7, 0, 1<<20)
	require.ErrorIs(t, err, persistence.ErrCorrupt)
	require.ErrorContains(t, err, "body 5")
	require.Len(t, got, 3)

	got, _, err = persistence.LoadPages(&breakable{Store: store, broken: true}, 7, 0, 1<<20)
	require.ErrorIs(t, err, errBroken)
	require.Len(t, got, 3)
	require.NoError(t, store.Close())
	_, _, err = persistence.LoadPages(store, 7, 0, 1<<20)
	require.ErrorIs(t, err, persistence.ErrClosed)
}
