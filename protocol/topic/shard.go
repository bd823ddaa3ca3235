package topic

import "math/bits"

// shardLevels is how many levels choose a shard. One would put a whole tree such
// as `devices/<id>/...` into one shard. With three, what Clients mostly
// subscribe to there, `devices/<id>/#` and `devices/<id>/+/...`, would go to the
// wildcard shard, which every publish reads and which has one writer. Two spread
// both names and filters.
const shardLevels = 2

// FilterShard returns the shard that holds the subscriptions to a filter, with or
// without `$share/ShareName/`, where n >= 1 shards hold what is literal in the
// first two levels: 0 to n-1 for those, n for filters with a wildcard there.
// What matches a Topic Name is in the shard that NameShard returns and in shard n.
func FilterShard(filter string, n int) int {
	_, rest, _ := cutShare(filter)
	return filterShard(rest, n, shardLevels)
}

// NameShard returns the one of n >= 1 literal shards where filters that match
// this Topic Name may be.
func NameShard(name []byte, n int) int {
	return shardOf(firstLevels(view(name), shardLevels), n)
}

func filterShard(filter string, n, levels int) int {
	first := firstLevels(filter, levels)
	if hasWildcard(first) {
		return n
	}
	return shardOf(first, n)
}

func firstLevels(s string, levels int) string {
	end := levelEnd(s, 0)
	for ; levels > 1 && end < len(s); levels-- {
		end = levelEnd(s, end+1)
	}
	return s[:end]
}

// shardOf spreads evenly and is the same in every process. Who picks topics that
// meet in one shard gains nothing but the speed of one shard.
func shardOf(s string, n int) int {
	if n == 1 {
		return 0
	}
	const odd = 0x9e3779b97f4a7c15
	h := uint64(len(s))
	for ; len(s) >= 8; s = s[8:] {
		h = mix(h^(uint64(s[0])|uint64(s[1])<<8|uint64(s[2])<<16|uint64(s[3])<<24|
			uint64(s[4])<<32|uint64(s[5])<<40|uint64(s[6])<<48|uint64(s[7])<<56), odd)
	}
	var tail uint64
	for i := range len(s) {
		tail = tail<<8 | uint64(s[i])
	}
	h = mix(h^tail, odd)
	shard, _ := bits.Mul64(mix(h, odd), uint64(n))
	return int(shard)
}

func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}
