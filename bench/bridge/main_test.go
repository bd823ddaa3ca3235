package bridge

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// patience is how long anything may take that is bound to happen. It decides how late a broken broker is noticed and nothing else.
const patience = 60 * time.Second

// binary is the path of troupe: BINARY_UNDER_TEST, or built from the sources by TestMain. mochi is that of bench/peers/mochi.
var binary, mochi string

// switches is how often TestPlannedSwitch goes from one upstream to the other.
var switches = flag.Int("switches", 10, "how often an operator switches")

// weak is how long TestWeakUpstream publishes more than the link takes.
var weak = flag.Duration("weak", 5*time.Second, "how long more is published than the upstream takes")

// compare runs what measures another broker's bridges and asserts nothing.
var compare = flag.Bool("compare", false, "show what Mosquitto's bridge does with the same faults")

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "troupe-bridge")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if binary = os.Getenv("BINARY_UNDER_TEST"); binary == "" {
		binary = filepath.Join(dir, "troupe")
		if err := build("../..", binary, "./cmd/troupe"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	mochi = filepath.Join(dir, "mochi")
	if err := build("../peers/mochi", mochi, "."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func build(from, to, what string) error {
	if out, err := exec.Command("go", "build", "-C", from, "-o", to, what).CombinedOutput(); err != nil {
		return fmt.Errorf("building %s of %s: %w\n%s", what, from, err, out)
	}
	return nil
}
