// Command troupe is the broker's binary: it reads flags and configuration, and
// hands over. Run troupe help for what it can do and for its exit codes.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}
