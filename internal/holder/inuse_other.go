//go:build !windows

package holder

import "syscall"

const errInUse = syscall.EADDRINUSE
