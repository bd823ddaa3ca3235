//go:build !linux

package process

import (
	"errors"
	"runtime"
)

var errSystem = errors.New("what another process uses can be told on Linux alone, and this is " + runtime.GOOS)

// Used is what the process has used so far.
func Used(int) (Usage, error) { return Usage{}, errSystem }

// Resident is the resident memory in bytes.
func Resident(int) (int64, error) { return 0, errSystem }

// Anonymous is that part of the resident memory, in bytes, which is not the content of files.
func Anonymous(int) (int64, error) { return 0, errSystem }

// Peak is the highest resident memory in bytes since the process began, or since ResetPeak.
func Peak(int) (int64, error) { return 0, errSystem }

// ResetPeak makes Peak begin anew.
func ResetPeak(int) error { return errSystem }

// FileLimit is how many files the process may have open, and how many it has.
func FileLimit(int) (limit, open int, err error) { return 0, 0, errSystem }

// Ports is how many ports the system gives to connections from one address.
func Ports() (int, error) { return 0, errSystem }
