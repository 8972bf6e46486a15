// A metric widget: its data, and the view that its dashboard asks for.

import { post } from "./api.js";
import { drawChart } from "./chart.js";
import { element, note } from "./dom.js";
import { drawBars, drawGauges, drawNumbers, drawPie, drawTable } from "./figures.js";

const FIGURES = { singleValue: drawNumbers, bar: drawBars, pie: drawPie, gauge: drawGauges, table: drawTable };

export function metricWidget(widget, content) {
  const { properties } = widget;
  const hidden = new Set();
  let data = null;
  let end = () => {};
  let view = null;

  function draw() {
    end();
    end = () => {};
    const messages = data.series.flatMap((series) => series.messages);
    if (messages.length) return content.replaceChildren(note("This expression cannot be evaluated here", messages[0]));
    if (!data.series.some((series) => series.values.length)) return content.replaceChildren(empty());
    const figure = FIGURES[properties.view];
    if (figure) figure(content, properties, data);
    else end = drawChart(content, properties, data, view);
  }

  return {
    async update(context) {
      const { start, end: until } = context.range;
      const auto = context.body.periodOverride !== "inherit";
      const answer = await post("/api/metrics", { properties, start: start / 1000, end: until / 1000, auto });
      data = properties.liveData || properties.setPeriodToTimeRange ? answer : finished(answer);
      view = { range: context.range, zone: context.zone, zoom: context.zoom, hidden };
      draw();
    },
    restyle: () => data && draw(),
    end: () => end(),
  };
}

/** Without the running period, which would look like a collapse; but what has nothing else keeps it. */
function finished(data) {
  const series = data.series.map((each) => {
    const last = each.times.length - 1;
    if (last < 1 || (each.times[last] + each.period) * 1000 <= Date.now()) return each;
    return { ...each, times: each.times.slice(0, last), values: each.values.slice(0, last) };
  });
  return { ...data, series };
}

const empty = () => element("div", { className: "empty" }, element("strong", {}, "No data available"), element("span", {}, "Try a longer time range."));
