// Package process looks at a process of this machine from outside: what it has used of the processor and of memory, and what
// this process itself and the system allow. It needs Linux; elsewhere it says so.
package process

import "time"

// Usage is what a process has used since it began.
type Usage struct {
	CPU         time.Duration // user and system
	Voluntary   int64         // context switches of the threads that live
	Involuntary int64
}

// Since is what was used between earlier and u.
func (u Usage) Since(earlier Usage) Usage {
	return Usage{
		CPU:         u.CPU - earlier.CPU,
		Voluntary:   max(0, u.Voluntary-earlier.Voluntary),
		Involuntary: max(0, u.Involuntary-earlier.Involuntary),
	}
}
