package troupe

import "runtime/debug"

// Version is that of the module in the running binary, as the Go tool noted it
// when it built it; "(devel)" in a checkout.
func Version() string {
	const module = "github.com/troupemq/troupe"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(devel)"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == module && m.Version != "" {
			return m.Version
		}
	}
	return "(devel)"
}
