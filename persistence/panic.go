package persistence

import "fmt"

// Caught makes an error of a panic of a store, if it is deferred. A store may be
// the program's own, and is used on goroutines that nobody supervises.
func Caught(err *error) {
	if reason := recover(); reason != nil {
		*err = fmt.Errorf("the store panicked: %v", reason)
	}
}
