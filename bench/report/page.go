package report

import (
	"bytes"
	"compress/gzip"
	"embed"
	"html/template"
	"io"
	"slices"

	"github.com/troupemq/troupe/bench"
)

// assets are read when a page is written and not before. ECharts is the file dist/echarts.min.js of the npm package echarts.
//
//go:embed assets/page.html assets/page.css assets/page.js assets/echarts-5.6.0.min.js.gz
var assets embed.FS

// page is what assets/page.html shows.
type page struct {
	Report   *Report
	Date     string
	Rounds   string
	Legend   string
	Charts   []chart // of all Workloads together
	Sheets   []pageSheet
	Style    template.CSS
	Scripts  []template.JS
	Measured []Broker
	Missing  []Broker
}

type pageSheet struct {
	Name, Title, Describe string
	Remarks               []string
	Charts                []chart
	Tables                []pageTable
}

type pageTable struct {
	Titles []string
	Rows   []pageRow
}

type pageRow struct {
	Name  string
	Cells []pageCell
}

type pageCell struct {
	Median, Ends string
	Harm         bool // it says that something was lost
}

// HTML writes one file that needs no other and no network: tables and charts, which are drawn by the browser.
func (r *Report) HTML(w io.Writer) error {
	text, err := assets.ReadFile("assets/page.html")
	if err != nil {
		return err
	}
	shape, err := template.New("page").Parse(string(text))
	if err != nil {
		return err
	}
	p := page{Report: r, Date: r.Started.Format("2 January 2006, 15:04 MST"), Rounds: plural(int64(r.Rounds), "round", "rounds"), Legend: r.legend()}
	if err := p.load(); err != nil {
		return err
	}
	for _, b := range r.Brokers {
		if b.Missing != "" {
			p.Missing = append(p.Missing, b)
		} else {
			p.Measured = append(p.Measured, b)
		}
	}
	sheets := r.sheets()
	for _, key := range []string{"rate", "cpu"} {
		if c, enough := r.overview(sheets, metricOf(key)); enough {
			p.Charts = append(p.Charts, c)
		}
	}
	for _, s := range sheets {
		p.Sheets = append(p.Sheets, r.pageSheet(s))
	}
	return shape.Execute(w, p)
}

// load puts style and scripts into the page.
func (p *page) load() error {
	style, err := assets.ReadFile("assets/page.css")
	if err != nil {
		return err
	}
	p.Style = template.CSS(style)
	packed, err := assets.ReadFile("assets/echarts-5.6.0.min.js.gz")
	if err != nil {
		return err
	}
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	library, err := io.ReadAll(reader)
	if err != nil {
		return err
	}
	own, err := assets.ReadFile("assets/page.js")
	if err != nil {
		return err
	}
	p.Scripts = []template.JS{template.JS(library), template.JS(own)}
	return nil
}

func (r *Report) pageSheet(s sheet) pageSheet {
	out := pageSheet{Name: s.workload.Name, Title: s.workload.Title, Describe: Describe(s.workload), Remarks: s.remarks()}
	for _, m := range headline(s.workload) {
		if s.has(m) && !latencies(m) {
			out.Charts = append(out.Charts, r.bars(s, m))
		}
	}
	if s.workload.Kind == bench.Messages && s.has(metricOf("p50")) {
		out.Charts = append(out.Charts, r.percentiles(s))
	}
	out.Tables = append(out.Tables, s.page(s.figures(metrics())))
	if columns := s.comparisons(); len(columns) > 0 {
		out.Tables = append(out.Tables, s.page(columns))
	}
	return out
}

func latencies(m metric) bool {
	return slices.Contains([]string{"p50", "p90", "p99", "p99.9", "max"}, m.key)
}

func (s sheet) page(columns []column) (t pageTable) {
	for _, c := range columns {
		t.Titles = append(t.Titles, c.title)
	}
	for _, l := range s.lines {
		row := pageRow{Name: l.broker.Name}
		for _, c := range columns {
			median, ends := c.cell(l)
			row.Cells = append(row.Cells, pageCell{median, ends, c.title == "loss" && len(l.harm()) > 0})
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
