package backup

import (
	"errors"
	"fmt"
)

var (
	// ErrDamaged is wrapped by what Read and Check return for a stream that was
	// cut off or altered. The error is a [Damage] and says where.
	ErrDamaged = errors.New("the backup is damaged")
	// ErrForeign is wrapped for a stream that is no backup at all.
	ErrForeign = errors.New("this is not a backup of TroupeMQ")
	// ErrNewer is wrapped for a format that this version does not know yet.
	ErrNewer = errors.New("the backup has a newer format")
)

// Damage is the place where a backup was found to be damaged. What came before
// it is as it was written.
type Damage struct {
	Block  int64  // its number from 0; -1: the header
	Offset int64  // of the block in the backup, in bytes
	What   string // what is wrong with it
}

// Error names the block, its place and what is wrong.
func (d *Damage) Error() string {
	if d.Block < 0 {
		return "backup: damaged in its header: " + d.What
	}
	return fmt.Sprintf("backup: damaged in block %d, which begins at byte %d: %s", d.Block, d.Offset, d.What)
}

// Is makes it an [ErrDamaged].
func (d *Damage) Is(target error) bool { return target == ErrDamaged }

// Abandoned is a backup that its writer could not complete.
type Abandoned struct{ Reason string }

// Error says the writer's reason.
func (a *Abandoned) Error() string {
	return "backup: not complete, its writer gave up: " + a.Reason
}

// Is makes it an [ErrDamaged]: it is of as little use.
func (a *Abandoned) Is(target error) bool { return target == ErrDamaged }
