package persistence

import (
	"encoding/binary"
	"slices"

	"github.com/troupemq/troupe/protocol/packet"
	"github.com/troupemq/troupe/protocol/session"
)

// The byte that Terms begin with: the QoS in two bits, and these flags.
const (
	termsRetainAsPublished = iota + 2
	termsRetained
	termsIDs    // Subscription Identifiers follow
	termsShared // the filter of a Shared Subscription follows
	termsRaised // Raise follows
	termsUnknown
)

// plainTerms are all Terms without Subscription Identifiers that come from no
// Shared Subscription, by their first byte: nearly all that there are.
var plainTerms = func() (all [1 << termsIDs]session.Terms) {
	for i := range all {
		all[i] = session.Terms{
			QoS:               packet.QoS(i & 0b11),
			RetainAsPublished: i&(1<<termsRetainAsPublished) != 0,
			Retained:          i&(1<<termsRetained) != 0,
		}
	}
	return all
}()

func appendTerms(dst []byte, t *session.Terms) []byte {
	dst = append(dst, byte(t.QoS)&0b11|bit(t.RetainAsPublished, termsRetainAsPublished)|bit(t.Retained, termsRetained)|
		bit(len(t.IDs) > 0, termsIDs)|bit(t.Shared != "", termsShared)|bit(t.Raise > packet.QoS0, termsRaised))
	if len(t.IDs) > 0 {
		dst = binary.AppendUvarint(dst, uint64(len(t.IDs)))
		for _, id := range t.IDs {
			dst = binary.AppendUvarint(dst, uint64(id))
		}
	}
	if t.Shared != "" {
		dst = appendBytes(dst, t.Shared)
	}
	if t.Raise > packet.QoS0 {
		dst = append(dst, byte(t.Raise))
	}
	return dst
}

func readTerms(in *reader) *session.Terms {
	flags := in.byte("its terms")
	if flags&0b11 == 0b11 || flags>>termsUnknown != 0 {
		in.fail("has the unknown terms %#b", flags)
		return nil
	}
	plain := &plainTerms[flags&(1<<termsIDs-1)]
	if flags>>termsIDs == 0 {
		return plain
	}
	t := &session.Terms{QoS: plain.QoS, RetainAsPublished: plain.RetainAsPublished, Retained: plain.Retained}
	if flags&(1<<termsIDs) != 0 {
		if n := in.count("Subscription Identifiers", 1); n > 0 { // nobody writes that there are none
			t.IDs = make([]uint32, n)
		}
		for i := range t.IDs {
			t.IDs[i] = in.uint32("a Subscription Identifier")
		}
	}
	if flags&(1<<termsShared) != 0 {
		t.Shared = string(in.bytes("the filter of a Shared Subscription"))
	}
	if flags&(1<<termsRaised) != 0 {
		if t.Raise = packet.QoS(in.byte("the least QoS")); t.Raise < packet.QoS1 || t.Raise > packet.QoS2 {
			in.fail("has the unknown least QoS %d", t.Raise)
		}
	}
	return t
}

// termsTable is the different Terms of a page in the order of their first use.
type termsTable []*session.Terms

// termsCompared bounds the search: a page with more different Terms than that
// may have some of them twice.
const termsCompared = 32

// place gives the place of t in the table, which it enters if need be.
func (all *termsTable) place(t *session.Terms) int {
	table := *all
	if n := len(table); n > 0 && table[n-1] == t {
		return n - 1
	}
	compared := table[:min(len(table), termsCompared)]
	if i := slices.Index(compared, t); i >= 0 {
		return i
	}
	for i, other := range compared {
		if t.QoS == other.QoS && t.RetainAsPublished == other.RetainAsPublished && t.Retained == other.Retained && t.Raise == other.Raise &&
			t.Shared == other.Shared && slices.Equal(t.IDs, other.IDs) {
			return i
		}
	}
	*all = append(table, t)
	return len(table)
}

func (all termsTable) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(all)))
	for _, t := range all {
		dst = appendTerms(dst, t)
	}
	return dst
}

func readTermsTable(in *reader) termsTable {
	all := make(termsTable, in.count("its terms", 1))
	for i := range all {
		all[i] = readTerms(in)
	}
	return all
}
