package session

import (
	"testing"

	"pgregory.net/rapid"
)

// TestIDs holds the table of Packet Identifiers against a map, with identifiers that collide.
func TestIDs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var table ids
		model := make(map[uint16]uint32)
		id := rapid.Custom(func(t *rapid.T) uint16 {
			return uint16(rapid.IntRange(0, 3).Draw(t, "row")*16+rapid.IntRange(0, 5).Draw(t, "column")) + 1
		})
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				n := id.Draw(t, "id")
				if _, ok := model[n]; !ok {
					flags := uint32(rapid.IntRange(0, 7).Draw(t, "flags"))
					table.add(n, flags)
					model[n] = flags
				}
			},
			"remove": func(t *rapid.T) {
				n := id.Draw(t, "id")
				table.remove(n)
				delete(model, n)
			},
			"": func(t *rapid.T) {
				if table.used != len(model) {
					t.Fatalf("%d used, want %d", table.used, len(model))
				}
				for n := uint16(1); n <= 64; n++ {
					e := table.find(n)
					flags, ok := model[n]
					if (e != nil) != ok || ok && *e != uint32(n)<<8|flags {
						t.Fatalf("%d: %v, want %v %v", n, e, flags, ok)
					}
				}
			},
		})
	})
}
