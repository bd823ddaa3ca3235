//go:build !linux

package holder

import "net/netip"

func listening(netip.AddrPort) Process { return Process{} }

func locking(string) Process { return Process{} }
