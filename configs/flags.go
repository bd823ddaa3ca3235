package configs

import (
	"fmt"

	"github.com/knadh/koanf/providers/posflag"
	"github.com/spf13/pflag"
)

// valueFlag is a command line flag that stands for a key.
type valueFlag struct{ name, path, usage string }

func valueFlags() []valueFlag {
	return []valueFlag{
		{"name", "name", "name of the instance"},
		{"data-dir", "data_dir", "directory of this instance; empty to keep nothing on disk"},
		{"log-level", "log.level", "least that is logged: debug, info, warn or error"},
		{"log-format", "log.format", "form of the log: auto, console or json"},
	}
}

// The flags that make listeners.
const (
	listenFlag    = "listen"
	anonymousFlag = "allow-anonymous"
)

// AddFlags adds the flags that [Load] reads to the flags of a command.
func AddFlags(flags *pflag.FlagSet) {
	flags.StringArray(listenFlag, nil, "listen for TCP at `host:port`, instead of the configured listeners (may be repeated)")
	flags.Bool(anonymousFlag, false, "let Clients of the --"+listenFlag+" addresses in without credentials (default true on loopback without auth)")
	for _, f := range valueFlags() {
		flags.String(f.name, "", f.usage)
	}
}

// flagsLayer reads the flags that were given.
func flagsLayer(flags *pflag.FlagSet) *layer {
	l := &layer{places: make(map[string]Source), text: true}
	provider := posflag.ProviderWithFlag(flags, ".", nil, func(f *pflag.Flag) (string, any) {
		if !f.Changed {
			return "", nil
		}
		at := Source{Kind: KindFlag, Name: "--" + f.Name}
		for _, v := range valueFlags() {
			if v.name == f.Name {
				l.places[v.path] = at
				return v.path, f.Value.String()
			}
		}
		switch f.Name {
		case listenFlag:
			l.places["listeners"] = at
			return "listeners", listenersOf(flags)
		case anonymousFlag:
			if !flags.Changed(listenFlag) {
				l.wrong = append(l.wrong, &Problem{Source: at, Text: "only goes with --" + listenFlag + "; for a configured listener write allow_anonymous there"})
			}
		}
		return "", nil
	})
	l.raw, _ = provider.Read() // reads the flags given above: cannot fail
	return l
}

// listenersOf makes a listener of each --listen.
func listenersOf(flags *pflag.FlagSet) []any {
	addresses, _ := flags.GetStringArray(listenFlag)
	list := []any{}
	for i, address := range addresses {
		listener := map[string]any{"name": "tcp", "address": address}
		if i > 0 {
			listener["name"] = fmt.Sprintf("tcp-%d", i+1)
		}
		if f := flags.Lookup(anonymousFlag); f != nil && f.Changed {
			listener["allow_anonymous"] = f.Value.String()
		}
		list = append(list, listener)
	}
	return list
}
