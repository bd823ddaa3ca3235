package session

// ids is the set of Packet Identifiers of QoS 2 that the Client has not released, with what is known
// of each: an open-addressing table, since identifiers mostly come in sequence and then never collide.
//
// Invariants: len(table) is 0 or a power of two and at least twice used; an entry is an identifier
// shifted left by 8 with flags below; 0 is a free place.
type ids struct {
	table []uint32
	used  int
}

const (
	idRouted  = 1 << iota // the host has it: PUBREC may be sent
	idCounted             // counts against the Receive Maximum of this connection
	idAsked               // was sent again on this connection before the host had it
)

// find gives the entry of id, to read and to change its flags, or nil. It is valid until the next
// add or remove.
func (t *ids) find(id uint16) *uint32 {
	if t.used == 0 {
		return nil
	}
	mask := len(t.table) - 1
	for i := int(id) & mask; t.table[i] != 0; i = (i + 1) & mask {
		if t.table[i]>>8 == uint32(id) {
			return &t.table[i]
		}
	}
	return nil
}

// add puts id, which is not there.
func (t *ids) add(id uint16, flags uint32) {
	if 2*t.used >= len(t.table) {
		old := t.table
		t.table = make([]uint32, max(8, 2*len(old)))
		for _, e := range old {
			if e != 0 {
				t.place(e)
			}
		}
	}
	t.place(uint32(id)<<8 | flags)
	t.used++
}

func (t *ids) place(e uint32) {
	mask := len(t.table) - 1
	i := int(e>>8) & mask
	for t.table[i] != 0 {
		i = (i + 1) & mask
	}
	t.table[i] = e
}

// remove takes id out and closes the gap.
func (t *ids) remove(id uint16) {
	e := t.find(id)
	if e == nil {
		return
	}
	mask := len(t.table) - 1
	gap := int(id) & mask
	for t.table[gap]>>8 != uint32(id) {
		gap = (gap + 1) & mask
	}
	t.table[gap] = 0
	t.used--
	for i := (gap + 1) & mask; t.table[i] != 0; i = (i + 1) & mask {
		home := int(t.table[i]>>8) & mask
		if (i-home)&mask >= (i-gap)&mask {
			t.table[gap], t.table[i] = t.table[i], 0
			gap = i
		}
	}
}

func (t *ids) each(visit func(e *uint32)) {
	for i := range t.table {
		if t.table[i] != 0 {
			visit(&t.table[i])
		}
	}
}
