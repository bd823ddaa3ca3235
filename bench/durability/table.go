package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// table has a line for each figure and a column for each turn of a broker.
type table struct {
	title   string
	notes   []string
	columns []*column
}

// column is what one turn of one broker came to.
type column struct {
	broker string
	names  []string // of figures, in their order
	cells  map[string]string
}

func (c *column) set(name, cell string) {
	if c.cells == nil {
		c.cells = make(map[string]string)
	}
	if _, there := c.cells[name]; !there {
		c.names = append(c.names, name)
	}
	c.cells[name] = cell
}

// lost notes what of everything that was acknowledged did not come back.
func (c *column) lost(b *subject, f found) {
	c.set("lost sessions", fmt.Sprint(b.sessions-f.sessions))
	c.set("lost queued messages", fmt.Sprint(b.queued-f.queued))
	c.set("lost retained messages", fmt.Sprint(b.retained-f.retained))
}

// rows are the head and a row for each figure that any column has.
func (t *table) rows() [][]string {
	head := []string{""}
	var names []string
	seen := make(map[string]bool)
	for _, c := range t.columns {
		head = append(head, c.broker)
		for _, name := range c.names {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	rows := [][]string{head}
	for _, name := range names {
		row := []string{name}
		for _, c := range t.columns {
			cell := c.cells[name]
			if cell == "" {
				cell = "-"
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return rows
}

// write shows the table on a terminal.
func (t *table) write(w io.Writer) {
	fmt.Fprintf(w, "%s\n\n", t.title)
	for _, note := range t.notes {
		fmt.Fprintf(w, "  %s\n", note)
	}
	fmt.Fprintln(w)
	tabs := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, row := range t.rows() {
		fmt.Fprintf(tabs, "  %s\n", strings.Join(row, "\t"))
	}
	_ = tabs.Flush()
}

// markdown is the same for a page.
func (t *table) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", t.title)
	for _, note := range t.notes {
		fmt.Fprintf(&b, "- %s\n", note)
	}
	b.WriteByte('\n')
	for i, row := range t.rows() {
		for n := range row {
			row[n] = strings.NewReplacer("|", `\|`, "\n", " ").Replace(row[n])
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(&b, "|---|%s\n", strings.Repeat("---:|", len(row)-1))
		}
	}
	return b.String()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f s", d.Seconds()) }

func size(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

// show tells the resident memory, and what of it is the process's own.
func (m memory) show() string {
	if m.resident == 0 {
		return "-"
	}
	if !m.known {
		return size(m.resident)
	}
	return fmt.Sprintf("%s (own %s)", size(m.resident), size(m.anonymous))
}

// per is what each of n things has added since before.
func (m memory) per(before memory, n int) string {
	if m.resident == 0 || before.resident == 0 {
		return "-"
	}
	each := func(now, then int64) float64 { return float64(now-then) / float64(n) }
	if !m.known || !before.known {
		return fmt.Sprintf("%.0f B", each(m.resident, before.resident))
	}
	return fmt.Sprintf("%.0f B (own %.0f B)", each(m.resident, before.resident), each(m.anonymous, before.anonymous))
}
