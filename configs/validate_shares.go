package configs

import "math"

// shares judges what an instance may take of the machine that it has together
// with others.
func (v *validation) shares(c *Config) {
	r := c.Limits.Rate
	v.number("limits.rate.messages_per_second", r.MessagesPerSecond, 0, math.MaxInt)
	v.size("limits.rate.bytes_per_second", r.BytesPerSecond, 0, math.MaxInt64)
	v.size("session.total.memory", c.Session.Total.Memory, 0, math.MaxInt64)
	const least = 64 * MiB
	if d := c.Persistence.MaxDisk; d != 0 && d < least {
		v.add("persistence.max_disk", "%v is not allowed; allowed: 0B, which stands for all of the device, or %v or more", d, least)
	}
}
