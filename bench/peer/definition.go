package peer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/troupemq/troupe/bench/peers"
)

// Definition says how a broker is found, configured and started. Its fields are the keys of a definition file.
//
// In Command, Environment, Version, Build and Config these are filled in: {binary}, what was found or built; {dir}, a directory
// of the process's own, removed after it; {config}, the file there with Config; {port}, a free port of 127.0.0.1, where it is
// to listen; {files}, how many files it may open.
type Definition struct {
	Name  string `yaml:"name"`  // what reports call it and the command line takes
	Title string `yaml:"title"` // its proper name

	// Binary are the names (looked for on PATH) and paths of its program, in the order in which they are tried. {self} is the
	// program that runs, if that is troupe.
	Binary []string `yaml:"binary"`
	// Build is a command that writes {binary}. It is tried before any name or path but {self}, at the root of TroupeMQ's source
	// tree, if the working directory is within.
	Build []string `yaml:"build,omitempty"`
	// Obtain says how to get it to who has not.
	Obtain string `yaml:"obtain,omitempty"`

	Command     []string `yaml:"command"`
	Environment []string `yaml:"environment,omitempty"` // KEY=value, added to that of the harness
	Config      string   `yaml:"config,omitempty"`

	// Version is a command that prints the version, whatever its exit code; VersionPattern finds it there, as its first group.
	Version        []string `yaml:"version,omitempty"`
	VersionPattern string   `yaml:"version_pattern,omitempty"`

	// StartWithin is how long it may take until it answers CONNECT; 30 s if 0.
	StartWithin time.Duration `yaml:"start_within,omitempty"`
	// StopWithin is how long it may take to end after SIGTERM, until it gets SIGKILL; 15 s if 0.
	StopWithin time.Duration `yaml:"stop_within,omitempty"`
	// Notes are for the report: what is special about this configuration.
	Notes string `yaml:"notes,omitempty"`
	// Null marks the harness's own null broker, which is the ceiling and no competitor.
	Null bool `yaml:"null,omitempty"`
}

// Definitions are those shipped, in order of name.
func Definitions() []Definition {
	names, err := fs.Glob(peers.Files(), "*.yaml")
	if err != nil {
		panic(err) // of the pattern
	}
	all := make([]Definition, len(names))
	for i, name := range names {
		text, err := fs.ReadFile(peers.Files(), name)
		if err == nil {
			all[i], err = parse(name, text)
		}
		if err != nil {
			panic("peer: a definition that is shipped: " + err.Error())
		}
	}
	slices.SortFunc(all, func(a, b Definition) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Lookup returns the one shipped under a name. The error lists those there are.
func Lookup(name string) (Definition, error) {
	var known []string
	for _, d := range Definitions() {
		if d.Name == name {
			return d, nil
		}
		known = append(known, d.Name)
	}
	return Definition{}, fmt.Errorf("peer: unknown broker %q; known are %s, and those of a definition file",
		name, strings.Join(known, ", "))
}

// Load reads a definition from a file. The error names file, line and key.
func Load(name string) (Definition, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return Definition{}, fmt.Errorf("peer: definition: %w", err)
	}
	d, err := parse(name, text)
	if err != nil {
		return Definition{}, fmt.Errorf("peer: definition %w", err)
	}
	return d, nil
}

// With is the definition for a certain binary: a name to look for on PATH, or a path. Nothing else is tried or built.
func (d Definition) With(binary string) Definition {
	d.Binary, d.Build = []string{binary}, nil
	return d
}

// Validate says what of the definition cannot work.
func (d Definition) Validate() error {
	var wrong []error
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if d.Name == "" || d.Name != path.Base(d.Name) || strings.ContainsAny(d.Name, " \t\n\\") {
		complain("name: is %q, and must be a word without slashes", d.Name)
	}
	if len(d.Command) == 0 {
		complain("command: must name the command that starts it")
	}
	if len(d.Binary) == 0 {
		complain("binary: must name at least one program to look for")
	}
	known := []string{"{binary}", "{config}", "{dir}", "{files}", "{port}"}
	checkWords := func(key string, words []string) {
		for _, word := range words {
			for _, p := range placeholder.FindAllString(word, -1) {
				if !slices.Contains(known, p) {
					complain("%s: %q has %s; known are %s", key, word, p, strings.Join(known, ", "))
				}
			}
		}
	}
	checkWords("command", d.Command)
	checkWords("environment", d.Environment)
	checkWords("version", d.Version)
	checkWords("build", d.Build)
	for _, word := range d.Environment {
		if strings.Index(word, "=") < 1 {
			complain("environment: %q must have the form KEY=value", word)
		}
	}
	if said := strings.Join(d.Command, " ") + strings.Join(d.Environment, " ") + d.Config; !strings.Contains(said, "{port}") {
		complain("{port} appears neither in command nor in environment or config: it would not know where to listen")
	}
	if d.Config != "" && !strings.Contains(strings.Join(d.Command, " ")+strings.Join(d.Environment, " "), "{config}") {
		complain("config: {config} appears neither in command nor in environment: nobody would read it")
	}
	if pattern, err := regexp.Compile(d.VersionPattern); err != nil {
		complain("version_pattern: %w", err)
	} else if len(d.Version) > 0 && pattern.NumSubexp() < 1 {
		complain("version_pattern: %q must have a group in parentheses, which is the version", d.VersionPattern)
	}
	if d.StartWithin < 0 {
		complain("start_within: is %s, and must not be negative", d.StartWithin)
	}
	if d.StopWithin < 0 {
		complain("stop_within: is %s, and must not be negative", d.StopWithin)
	}
	return errors.Join(wrong...)
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)
