// Draws the charts of the page from the options beside them, in the colours of the page, and again when those change.
(function () {
  'use strict';

  function number(v) {
    var units = [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']];
    for (var i = 0; i < units.length; i++) {
      if (Math.abs(v) >= units[i][0]) return +(v / units[i][0]).toPrecision(3) + units[i][1];
    }
    return String(+v.toPrecision(3));
  }

  // A bar's whisker lies, and its label stands behind it; one of a line stands upright.
  function whisker(series, colours) {
    return function (params, api) {
      var low = api.coord([api.value(0), api.value(2)]), high = api.coord([api.value(1), api.value(2)]);
      return { type: 'group', children: strokes(low, high, 0, 5, colours.ink).concat([{ type: 'text',
        style: { x: high[0] + 8, y: high[1], text: series.data[params.dataIndex].name, textVerticalAlign: 'middle',
          fill: / [A-Z]{3}/.test(series.data[params.dataIndex].name) ? colours.harm : colours.ink, fontSize: 12 } }]) };
    };
  }

  function upright(series, colours) {
    return function (params, api) {
      var low = api.coord([api.value(0), api.value(1)]), high = api.coord([api.value(0), api.value(2)]);
      return { type: 'group', children: strokes(low, high, 4, 0, series.itemStyle.color) };
    };
  }

  function strokes(a, b, dx, dy, colour) {
    function line(x1, y1, x2, y2) {
      return { type: 'line', shape: { x1: x1, y1: y1, x2: x2, y2: y2 }, style: { stroke: colour, lineWidth: 1.5 } };
    }
    return [line(a[0], a[1], b[0], b[1]), line(a[0] - dx, a[1] - dy, a[0] + dx, a[1] + dy), line(b[0] - dx, b[1] - dy, b[0] + dx, b[1] + dy)];
  }

  function fill(value, colours, series) {
    if (typeof value === 'string' && value.indexOf('fn:') === 0) {
      switch (value.slice(3)) {
        case 'number': return number;
        case 'tip': return function (p) { return p.data && p.data.name || ''; };
        case 'whisker': return whisker(series, colours);
        case 'upright': return upright(series, colours);
      }
    }
    if (value && typeof value === 'object') {
      Object.keys(value).forEach(function (key) { value[key] = fill(value[key], colours, value); });
    }
    return value;
  }

  function colours() {
    var style = getComputedStyle(document.documentElement);
    function of(name) { return style.getPropertyValue('--' + name).trim(); }
    return { ink: of('ink'), soft: of('soft'), rule: of('rule'), raised: of('raised'), harm: of('harm') };
  }

  function draw(element) {
    if (!element.troupe) {
      var source = element.querySelector('script');
      var canvas = document.createElement('div');
      canvas.style.height = element.dataset.height + 'px';
      element.appendChild(canvas);
      element.troupe = { text: source.textContent, canvas: canvas };
    }
    var c = colours();
    var axis = { axisLine: { lineStyle: { color: c.rule } }, axisLabel: { color: c.soft }, nameTextStyle: { color: c.soft },
      splitLine: { lineStyle: { color: c.rule } } };
    var old = echarts.getInstanceByDom(element.troupe.canvas);
    if (old) old.dispose();
    var option = fill(JSON.parse(element.troupe.text), c);
    option.animation = false;
    option.xAxis.concat(option.yAxis).forEach(function (a) { if (a.type === 'log') a.startValue = a.min; }); // bars begin there, and not at 1
    option.yAxis.forEach(function (a) { a.nameTextStyle = { align: 'left', color: c.soft }; });
    option.tooltip.renderMode = 'richText';
    option.tooltip.confine = true;
    option.tooltip.backgroundColor = c.raised;
    option.tooltip.borderColor = c.rule;
    option.tooltip.textStyle = { color: c.ink };
    delete option.toolbox;
    delete option.color;
    var chart = echarts.init(element.troupe.canvas, {
      textStyle: { color: c.ink, fontFamily: getComputedStyle(document.body).fontFamily },
      title: { textStyle: { color: c.ink, fontSize: 14 }, subtextStyle: { color: c.soft } },
      legend: { textStyle: { color: c.soft }, pageTextStyle: { color: c.soft } },
      categoryAxis: Object.assign({}, axis, { splitLine: { show: false } }), valueAxis: axis, logAxis: axis
    }, { renderer: 'svg' });
    chart.setOption(option);
  }

  function all() { document.querySelectorAll('.chart').forEach(draw); }

  all();
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', all);
  window.addEventListener('resize', function () {
    document.querySelectorAll('.chart').forEach(function (e) {
      var chart = echarts.getInstanceByDom(e.troupe.canvas);
      if (chart) chart.resize();
    });
  });
})();
