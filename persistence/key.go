package persistence

import "encoding/binary"

// Part is what a key is for: its first byte.
type Part byte

// The parts of a store. Numbers are 8 bytes, big endian, so that keys are in
// their order.
const (
	PartMeta         Part = 'm' // name -> value: format, boots
	PartSession      Part = 's' // session -> [session.Record]
	PartSubscription Part = 'f' // session, Topic Filter -> options
	PartHead         Part = 'h' // session -> [session.Head]
	PartPage         Part = 'q' // session, first seq -> [session.Page]
	PartBody         Part = 'b' // body -> the frames that several pages share
	PartCount        Part = 'c' // body -> number of pages that refer to it
	PartEnded        Part = 'e' // session -> nothing: what is left of it is being removed
	PartRetained     Part = 'r' // Topic Name -> retained message
)

var parts = map[Part]string{
	PartMeta: "meta", PartSession: "sessions", PartSubscription: "subscriptions", PartHead: "session heads",
	PartPage: "queues", PartBody: "shared bodies", PartCount: "body counts", PartEnded: "ended sessions", PartRetained: "retained",
}

// String names the part for people.
func (p Part) String() string {
	if name, ok := parts[p]; ok {
		return name
	}
	return "unknown"
}

// Key makes a key of a part, of numbers and of a text.
func (p Part) Key(numbers ...uint64) []byte {
	key := make([]byte, 1, 1+8*len(numbers))
	key[0] = byte(p)
	for _, n := range numbers {
		key = binary.BigEndian.AppendUint64(key, n)
	}
	return key
}

// Named makes a key of a part and a text.
func (p Part) Named(text string) []byte { return append([]byte{byte(p)}, text...) }

// Number reads the i-th number of a key; 0 if the key is too short for it.
func Number(key []byte, i int) uint64 {
	at := 1 + 8*i
	if len(key) < at+8 {
		return 0
	}
	return binary.BigEndian.Uint64(key[at:])
}

// TextMost is how many bytes a text in a key may have, so that every store takes
// it: a little less than MQTT allows for a Topic Name.
const TextMost = 64_000

// Text is what stands in a key behind so many numbers.
func Text(key []byte, numbers int) []byte {
	return key[min(len(key), 1+8*numbers):]
}
