//go:build !unix

package password

import (
	"io/fs"
	"os"
)

// takeOver leaves a new file as it is made, which belongs to who made it.
func takeOver(*os.File, fs.FileInfo) error { return nil }
