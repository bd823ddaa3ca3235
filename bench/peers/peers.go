// Package peers holds the definitions of brokers that are shipped, as files; package peer reads them. What a peer needs built
// stands beside them, each in a module of its own.
package peers

import (
	"embed"
	"io/fs"
)

//go:embed *.yaml
var files embed.FS

// Files are the definitions, one <name>.yaml each.
func Files() fs.FS { return files }
