package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"time"
)

// Peer is a broker whose program was found.
type Peer struct {
	Definition Definition
	Binary     string // path
	Version    string // as its version command tells it, "unknown" if it does not
}

// Missing is the error of a broker whose program was not found.
type Missing struct {
	Name   string
	Tried  []string // what was looked for, where, and what was wrong with it
	Obtain string   // how to get it; may be empty
}

func (m *Missing) Error() string {
	text := fmt.Sprintf("peer: %s is missing: %s", m.Name, strings.Join(m.Tried, "; "))
	if m.Obtain != "" {
		text += "; to get it: " + m.Obtain
	}
	return text
}

// versionWithin bounds the version command: some a JVM or an Erlang node would need seconds for.
const versionWithin = 20 * time.Second

// Find looks for the broker's program and asks for its version. What must be built goes into dir, which is the caller's and
// must outlive the Peer. The error is a *Missing, if it is not that of ctx.
func (d Definition) Find(ctx context.Context, dir string) (Peer, error) {
	missing := &Missing{Name: d.Name, Obtain: d.Obtain}
	binary, err := d.locate(ctx, dir, missing)
	if err != nil {
		return Peer{}, err
	}
	if binary == "" {
		return Peer{}, missing
	}
	p := Peer{Definition: d, Binary: binary}
	p.Version, err = p.version(ctx)
	return p, err
}

// locate returns the path of the program. It is empty if there is none, and missing then tells what was tried.
func (d Definition) locate(ctx context.Context, dir string, missing *Missing) (string, error) {
	names := d.Binary
	if len(names) > 0 && names[0] == self {
		names = names[1:]
		if binary, ok := ourselves(); ok {
			return binary, nil
		}
		missing.Tried = append(missing.Tried, "the program that runs is not troupe")
	}
	if len(d.Build) > 0 {
		root, ok := sourceTree()
		if !ok {
			missing.Tried = append(missing.Tried, "the working directory is not in the source tree of TroupeMQ, to build it")
		} else {
			binary, err := d.build(ctx, root, dir)
			if err == nil {
				return binary, nil
			}
			if ctx.Err() != nil {
				return "", fmt.Errorf("peer: build of %s: %w", d.Name, context.Cause(ctx))
			}
			missing.Tried = append(missing.Tried, err.Error())
		}
	}
	for _, name := range names {
		binary, err := exec.LookPath(name)
		if err == nil {
			binary, err = filepath.Abs(binary)
		}
		switch {
		case err == nil:
			return binary, nil
		case errors.Is(err, exec.ErrNotFound):
			missing.Tried = append(missing.Tried, fmt.Sprintf("no %s on PATH", name))
		case errors.Is(err, os.ErrNotExist):
			missing.Tried = append(missing.Tried, "no "+name)
		default:
			missing.Tried = append(missing.Tried, err.Error())
		}
	}
	return "", nil
}

// build runs the definition's build command at the root of our source tree.
func (d Definition) build(ctx context.Context, root, dir string) (string, error) {
	binary, err := filepath.Abs(filepath.Join(dir, d.Name+executableSuffix))
	if err != nil {
		return "", err
	}
	words := filling{binary: binary, dir: dir}.words(d.Build)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(words, " "), err, strings.TrimSpace(string(out)))
	}
	return binary, nil
}

// version asks the broker for it. One that does not tell is no worse a broker for it.
func (p Peer) version(ctx context.Context) (string, error) {
	if len(p.Definition.Version) == 0 {
		return "unknown", nil
	}
	bounded, cancel := context.WithTimeout(ctx, versionWithin)
	defer cancel()
	words := filling{binary: p.Binary}.words(p.Definition.Version)
	cmd := exec.CommandContext(bounded, words[0], words[1:]...)
	cmd.WaitDelay = time.Second
	out, _ := cmd.CombinedOutput() // the exit code says nothing: some print it with their usage
	if ctx.Err() != nil {
		return "", fmt.Errorf("peer: version of %s: %w", p.Definition.Name, context.Cause(ctx))
	}
	pattern, err := regexp.Compile(p.Definition.VersionPattern)
	if err != nil {
		return "", fmt.Errorf("peer: %s: version_pattern: %w", p.Definition.Name, err)
	}
	if found := pattern.FindSubmatch(out); len(found) > 1 {
		return strings.TrimSpace(string(found[1])), nil
	}
	return "unknown", nil
}

const (
	self   = "{self}"
	module = "github.com/troupemq/troupe"
)

// ourselves is the path of the program that runs, if it is troupe.
func ourselves() (string, bool) {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Path != module+"/cmd/troupe" {
		return "", false
	}
	binary, err := os.Executable()
	return binary, err == nil
}

// sourceTree is the root of our source tree, if the working directory is within.
func sourceTree() (string, bool) {
	dir, err := os.Getwd()
	if err != nil {
		return "", false
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if first, _, _ := strings.Cut(string(text), "\n"); err == nil && strings.TrimSpace(first) == "module "+module {
			return dir, true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", false
		}
		dir = parent
	}
}
