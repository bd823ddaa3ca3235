//go:build !unix

package bench

// enoughFiles has nothing to tell where connections are no files.
func enoughFiles(string, int) error { return nil }
