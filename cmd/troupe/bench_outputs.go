package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/troupemq/troupe/bench/report"
)

// outputs are the files that a report is written to.
type outputs struct{ dir, json, markdown, html string }

func (o *outputs) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.dir, "out", "", "write <date>.json, .md and .html into this `directory`; never over other files")
	f.StringVar(&o.json, "json", "", "write JSON to this `file`")
	f.StringVar(&o.markdown, "markdown", "", "write Markdown to this `file`")
	f.StringVar(&o.html, "html", "", "write a page with charts to this `file`")
}

func (o *outputs) any() bool { return *o != outputs{} }

// check finds out before a long run that the files cannot be written after it.
func (o *outputs) check() error {
	dirs := []struct{ flag, dir string }{{"out", o.dir}}
	for _, file := range []struct{ flag, name string }{{"json", o.json}, {"markdown", o.markdown}, {"html", o.html}} {
		if file.name != "" {
			dirs = append(dirs, struct{ flag, dir string }{file.flag, filepath.Dir(file.name)})
			if info, err := os.Stat(file.name); err == nil && info.IsDir() {
				return usageError{fmt.Errorf("--%s: %s is a directory; give a file in it", file.flag, file.name)}
			}
		}
	}
	for _, d := range dirs {
		if d.dir == "" {
			continue
		}
		info, err := os.Stat(d.dir)
		if err != nil {
			return usageError{fmt.Errorf("--%s: %w", d.flag, err)}
		}
		if !info.IsDir() {
			return usageError{fmt.Errorf("--%s: %s is no directory", d.flag, d.dir)}
		}
	}
	return nil
}

// write writes all that was asked for, as far as it goes.
func (o *outputs) write(r *report.Report) error {
	var failed []error
	to := func(name string, overwrite bool, form func(io.Writer) error) {
		if name == "" {
			return
		}
		if err := writeFile(name, overwrite, form); err != nil {
			failed = append(failed, err)
		}
	}
	to(o.json, true, r.JSON)
	to(o.markdown, true, r.Markdown)
	to(o.html, true, r.HTML)
	if o.dir != "" {
		name := o.free(r.Started.Format("2006-01-02"))
		to(name+".json", false, r.JSON)
		to(name+".md", false, r.Markdown)
		to(name+".html", false, r.HTML)
	}
	return errors.Join(failed...)
}

// free is a name in the directory, without its ending, that no file has yet: the date, or the date and a number.
func (o *outputs) free(date string) string {
	for i := 1; ; i++ {
		name := filepath.Join(o.dir, date)
		if i > 1 {
			name = fmt.Sprintf("%s-%d", name, i)
		}
		taken := false
		for _, ending := range []string{".json", ".md", ".html"} {
			_, err := os.Lstat(name + ending)
			taken = taken || err == nil
		}
		if !taken {
			return name
		}
	}
}

func writeFile(name string, overwrite bool, form func(io.Writer) error) error {
	flags := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	if !overwrite {
		flags |= os.O_EXCL
	}
	f, err := os.OpenFile(name, flags, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(form(f), f.Close())
}
