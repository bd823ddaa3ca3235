package report

import (
	"fmt"
	"math"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
	"github.com/go-echarts/go-echarts/v2/types"
)

// chart is one of the page: the options of an ECharts instance. Strings in them that begin with "fn:" name functions of
// assets/page.js, which puts those in their place.
type chart struct {
	Height int // pixels
	Option map[string]any
}

const (
	axisNumbers = types.FuncStr("fn:number")
	tips        = types.FuncStr("fn:tip") // shows the name of the item

	lossColour = "#d62728" // of nothing else
	nullColour = "#8c8c8c"
)

// colour is that of a Broker in all charts, fit for both a light and a dark ground.
func (r *Report) colour(name string) string {
	palette := []string{"#3b82c4", "#e08a1e", "#3f9d63", "#9467bd", "#17a2b8", "#a0724a", "#d46fb0", "#9a9a2e"}
	i := 0
	for _, b := range r.Brokers {
		switch {
		case b.Name == name && b.Null:
			return nullColour
		case b.Name == name:
			return palette[i%len(palette)]
		case !b.Null:
			i++
		}
	}
	return nullColour
}

// bars shows one figure of all Brokers, with whiskers from the least to the most of the rounds.
func (r *Report) bars(s sheet, m metric) chart {
	var names []string
	var bars []opts.BarData
	var whiskers []opts.CustomData
	all := new(extent)
	for i, l := range s.lines {
		names = append(names, l.broker.Name)
		v := l.spread(m)
		if v.n == 0 {
			bars = append(bars, opts.BarData{Value: none})
			continue
		}
		text, ends := v.show(m.write, m.short)
		style := &opts.ItemStyle{Color: r.colour(l.broker.Name)}
		label := text
		if !l.measured.whole() {
			label += "  " + l.measured.mark()
			style.BorderColor, style.BorderWidth = lossColour, 3
		}
		tip := fmt.Sprintf("%s: %s %s", l.broker.Name, label, s.title(m))
		if ends != "" {
			tip += fmt.Sprintf(" (%s in %s)", ends, plural(int64(v.n), "round", "rounds"))
		}
		all.add(v.min*m.scale, v.max*m.scale)
		bars = append(bars, opts.BarData{Name: tip, Value: v.median * m.scale, ItemStyle: style})
		whiskers = append(whiskers, opts.CustomData{Name: label, Value: []any{v.min * m.scale, v.max * m.scale, i}})
	}
	better := "less is better"
	if m.more {
		better = "more is better"
	}
	x := all.axis(m.axis)
	b := charts.NewBar()
	b.SetGlobalOptions(
		charts.WithTitleOpts(opts.Title{Title: s.title(m), Subtitle: better}),
		charts.WithTooltipOpts(opts.Tooltip{Show: opts.Bool(true), Trigger: "item", Formatter: tips}),
		charts.WithLegendOpts(opts.Legend{Show: opts.Bool(false)}),
		charts.WithGridOpts(opts.Grid{Left: "8", Right: "150", Top: "52", Bottom: "36", ContainLabel: opts.Bool(true)}),
		charts.WithXAxisOpts(x),
		charts.WithYAxisOpts(opts.YAxis{Type: "category", Inverse: opts.Bool(true), Data: names}),
	)
	b.AddSeries("median", bars, charts.WithBarChartOpts(opts.BarChart{}), charts.WithSeriesOpts(func(s *charts.SingleSeries) { s.BarMaxWidth = "28" }))
	ends := charts.NewCustom()
	ends.AddSeries("range", whiskers, charts.WithCustomChartOpts(opts.CustomChart{RenderItem: "fn:whisker"}), charts.WithEncodeOpts(opts.Encode{X: []int{0, 1}, Y: 2}))
	b.Overlap(ends)
	return chart{max(360, 110+38*len(names)), b.JSON()}
}

// percentiles shows how the latency of all Brokers spreads.
func (r *Report) percentiles(s sheet) chart {
	keys := []string{"p50", "p90", "p99", "p99.9", "max"}
	all := new(extent)
	line, ends := charts.NewLine(), charts.NewCustom()
	for _, l := range s.lines {
		name := l.broker.Name
		if !l.measured.whole() {
			name += " (" + l.measured.mark() + ")"
		}
		var points []opts.LineData
		var whiskers []opts.CustomData
		for i, key := range keys {
			m := metricOf(key)
			v := l.spread(m)
			if v.n == 0 {
				continue
			}
			text, between := v.show(m.write, m.short)
			if between != "" {
				text += " (" + between + ")"
			}
			all.add(v.min*m.scale, v.max*m.scale)
			points = append(points, opts.LineData{Name: fmt.Sprintf("%s %s: %s", name, key, text), Value: v.median * m.scale})
			whiskers = append(whiskers, opts.CustomData{Value: []any{i, v.min * m.scale, v.max * m.scale}})
		}
		if len(points) == 0 {
			continue
		}
		colour := r.colour(l.broker.Name)
		line.AddSeries(name, points, charts.WithItemStyleOpts(opts.ItemStyle{Color: colour}),
			charts.WithLineChartOpts(opts.LineChart{Symbol: "circle", SymbolSize: 7}), charts.WithLineStyleOpts(opts.LineStyle{Color: colour, Width: 2}))
		ends.AddSeries(name, whiskers, charts.WithItemStyleOpts(opts.ItemStyle{Color: colour}),
			charts.WithCustomChartOpts(opts.CustomChart{RenderItem: "fn:upright"}), charts.WithEncodeOpts(opts.Encode{X: 0, Y: []int{1, 2}}))
	}
	subtitle := "from the time at which a message was due; less is better"
	if !open(s.workload) {
		subtitle = "of a saturated broker: it follows from the window and the rate"
	}
	y := all.axis("ms")
	line.SetGlobalOptions(
		charts.WithTitleOpts(opts.Title{Title: "latency", Subtitle: subtitle}),
		charts.WithTooltipOpts(opts.Tooltip{Show: opts.Bool(true), Trigger: "item", Formatter: tips}),
		charts.WithLegendOpts(opts.Legend{Show: opts.Bool(true), Bottom: "0"}),
		charts.WithGridOpts(opts.Grid{Left: "24", Right: "24", Top: "72", Bottom: "56", ContainLabel: opts.Bool(true)}),
		charts.WithYAxisOpts(opts.YAxis{Type: y.Type, Name: y.Name, Min: y.Min, SplitLine: y.SplitLine, AxisLabel: y.AxisLabel}),
	)
	line.SetXAxis(keys)
	line.Validate()
	line.Overlap(ends)
	return chart{360, line.JSON()}
}

// overview shows one figure of all Brokers under all Workloads that have it.
func (r *Report) overview(sheets []sheet, m metric) (_ chart, enough bool) {
	var names []string
	var shown []sheet
	for _, s := range sheets {
		if s.has(m) && (m.key != "rate" || !open(s.workload)) { // an open loop asks for its rate
			names, shown = append(names, s.workload.Name), append(shown, s)
		}
	}
	if len(shown) < 2 {
		return chart{}, false
	}
	all := new(extent)
	bar := charts.NewBar()
	for i, l := range shown[0].lines {
		var values []opts.BarData
		for _, s := range shown {
			l := s.lines[i]
			v := l.spread(m)
			if v.n == 0 {
				values = append(values, opts.BarData{Value: none})
				continue
			}
			text, _ := v.show(m.write, m.short)
			style := &opts.ItemStyle{}
			if !l.measured.whole() {
				text += "  " + l.measured.mark()
				style.BorderColor, style.BorderWidth = lossColour, 2
			}
			all.add(v.median*m.scale, v.median*m.scale)
			values = append(values, opts.BarData{Name: fmt.Sprintf("%s, %s: %s %s", s.workload.Name, l.broker.Name, text, m.title), Value: v.median * m.scale, ItemStyle: style})
		}
		bar.AddSeries(l.broker.Name, values, charts.WithItemStyleOpts(opts.ItemStyle{Color: r.colour(l.broker.Name)}))
	}
	better := "less is better"
	if m.more {
		better = "more is better"
	}
	y := all.axis(m.axis)
	bar.SetGlobalOptions(
		charts.WithTitleOpts(opts.Title{Title: m.title, Subtitle: "medians; " + better + "; red border: something was lost"}),
		charts.WithTooltipOpts(opts.Tooltip{Show: opts.Bool(true), Trigger: "item", Formatter: tips}),
		charts.WithLegendOpts(opts.Legend{Show: opts.Bool(true), Bottom: "0"}),
		charts.WithGridOpts(opts.Grid{Left: "24", Right: "24", Top: "72", Bottom: "56", ContainLabel: opts.Bool(true)}),
		charts.WithYAxisOpts(opts.YAxis{Type: y.Type, Name: y.Name, Min: y.Min, SplitLine: y.SplitLine, AxisLabel: y.AxisLabel}),
	)
	bar.SetXAxis(names)
	bar.Validate()
	return chart{360, bar.JSON()}, true
}

// extent is from the least to the most of what a chart shows.
type extent struct{ min, max float64 }

func (e *extent) add(least, most float64) {
	if least > 0 && (e.min == 0 || least < e.min) {
		e.min = least
	}
	e.max = max(e.max, most)
}

// axis is logarithmic where values differ by ten times and more, and begins at a power of ten then, so low that the shortest
// bar can be seen.
func (e *extent) axis(unit string) opts.XAxis {
	a := opts.XAxis{Type: "value", Name: unit, NameLocation: "middle", NameGap: 26, Min: 0,
		SplitLine: &opts.SplitLine{Show: opts.Bool(true)}, AxisLabel: &opts.AxisLabel{Formatter: axisNumbers, HideOverlap: opts.Bool(true)}}
	if e.min > 0 && e.max >= 10*e.min {
		a.Type, a.Name = "log", unit+" (logarithmic)"
		a.Min = math.Pow(10, math.Floor(math.Log10(e.min/1.5)))
	}
	return a
}
