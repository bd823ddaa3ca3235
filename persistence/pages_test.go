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
				require.NoError(t, got[i].Damage)
				requirePage(t, there, got[i].Page)
			}
			if last {
				return
			}
			from = end(needed[n-1])
		}
	})
}

// pageOf is a page of one message.
func pageOf(seq uint64, run *packet.Run) session.Page {
	return session.Page{{Run: run, Terms: &session.Terms{QoS: packet.QoS1}, Seq: seq, End: uint32(len(run.Frames)), Count: 1}}
}

// Damage is told with its place, and what stands around it is not lost.
func TestPagesAroundDamageAreLoaded(t *testing.T) {
	own, known := messageOf(1), messageOf(2)
	known.Body = packet.Known(5)
	for name, damage := range map[string]struct {
		key, value []byte
		page       uint64
		lost       int
		text       string
	}{
		"head":   {persistence.PartPage.Key(7, 2), []byte{1}, 2, 0, "session 7, page 2"},
		"frames": {persistence.PartPage.Key(7, 2), persistence.AppendPage(nil, pageOf(2, own), numberOf)[:20], 2, 0, "session 7, page 2"},
		"body":   {persistence.PartBody.Key(5), []byte{1, 4, 0x32}, 3, 1, "session 7, page 3: body 5"},
		"other":  {persistence.PartBody.Key(5), persistence.AppendBody(nil, messageOf(3)), 3, 0, "body 5"},
	} {
		t.Run(name, func(t *testing.T) {
			store := memory.New()
			var batch persistence.Batch
			putPages(&batch, 7, []session.Page{pageOf(1, own), pageOf(2, own), pageOf(3, known), pageOf(4, own)})
			batch.Put(persistence.PartBody.Key(5), persistence.AppendBody(nil, known))
			batch.Put(damage.key, damage.value)
			require.NoError(t, store.Apply(&batch))
			pages, last, err := persistence.LoadPages(store, 7, 2, 1<<20)
			require.NoError(t, err)
			require.True(t, last)
			require.Len(t, pages, 3)
			for _, p := range pages {
				if p.First != damage.page {
					require.NoError(t, p.Damage)
					require.Len(t, p.Page, 1)
					continue
				}
				require.ErrorIs(t, p.Damage, persistence.ErrCorrupt)
				require.ErrorContains(t, p.Damage, damage.text)
				require.Equal(t, damage.lost, p.Lost)
				require.Empty(t, p.Page)
			}
		})
	}
}

// A store that fails takes nothing away: the rest may be asked for again.
func TestPagesOfAStoreThatFails(t *testing.T) {
	known := messageOf(2)
	known.Body = packet.Known(5)
	store := &breakable{Store: memory.New(), broken: true}
	var batch persistence.Batch
	putPages(&batch, 7, []session.Page{pageOf(1, messageOf(1)), pageOf(2, known), pageOf(3, messageOf(1))})
	batch.Put(persistence.PartBody.Key(5), persistence.AppendBody(nil, known))
	require.NoError(t, store.Apply(&batch))
	pages, last, err := persistence.LoadPages(store, 7, 0, 1<<20)
	require.ErrorIs(t, err, errBroken)
	require.ErrorContains(t, err, "session 7, page 2: body 5")
	require.Len(t, pages, 1)
	require.False(t, last)

	store.broken = false
	pages, last, err = persistence.LoadPages(store, 7, 2, 1<<20)
	require.NoError(t, err)
	require.Len(t, pages, 2)
	require.True(t, last)

	require.NoError(t, store.Close())
	_, last, err = persistence.LoadPages(store, 7, 0, 1<<20)
	require.ErrorIs(t, err, persistence.ErrClosed)
	require.False(t, last)
}

// messageOf is a message of a size of its own for each number.
func messageOf(n int) *packet.Run {
	return packet.NewRun(&packet.Publish{Topic: []byte("a"), QoS: packet.QoS1, Payload: make([]byte, 10*n)}, packet.V311)
}
