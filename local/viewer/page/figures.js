// The views of a metric widget that show one value for each series: number, gauge, bar, pie, table.

import { colors, faded } from "./colors.js";
import { drawing, element } from "./dom.js";
import { number, short } from "./numbers.js";

const latest = (series) => (series.values.length ? series.values[series.values.length - 1] : null);

function valued(data) {
  const shades = colors(data.series);
  return data.series.map((series, at) => ({ ...series, color: shades[at], value: latest(series) }));
}

export function drawNumbers(place, properties, data) {
  const cells = valued(data).map((series) =>
    element(
      "div",
      { className: "figure" },
      properties.sparkline && series.values.length > 1 && sparkline(series),
      element("div", { className: "value", title: number(series.value) }, series.value === null ? "–" : (properties.singleValueFullPrecision ? number : short)(series.value)),
      element("div", { className: "label", title: series.label }, element("i", { style: { background: series.color } }), series.label),
    ),
  );
  place.replaceChildren(element("div", { className: "figures" }, ...cells));
}

function sparkline({ times, values, color }) {
  const [low, high] = [Math.min(0, ...values), Math.max(...values)];
  const [first, last] = [times[0], times[times.length - 1]];
  const points = values.map((value, at) => `${(((times[at] - first) / (last - first)) * 100).toFixed(2)},${(38 - ((value - low) / (high - low || 1)) * 36).toFixed(2)}`);
  return drawing(
    "svg",
    { viewBox: "0 0 100 40", preserveAspectRatio: "none", class: "sparkline", "aria-hidden": "true" },
    drawing("polygon", { points: `0,40 ${points.join(" ")} 100,40`, fill: faded(color, 0.14) }),
    drawing("polyline", { points: points.join(" "), fill: "none", stroke: color, "stroke-width": "1.5", "vector-effect": "non-scaling-stroke" }),
  );
}

export function drawBars(place, properties, data) {
  const found = valued(data);
  const most = Math.max(...found.map((series) => series.value ?? 0)) || 1;
  const rows = found.map((series) =>
    element(
      "div",
      { className: "bar-row", title: `${series.label}: ${number(series.value)}` },
      element("span", { className: "name" }, series.label),
      element("span", { className: "track" }, element("i", { style: { width: `${Math.max(0, ((series.value ?? 0) / most) * 100)}%`, background: series.color } })),
      element("b", {}, number(series.value)),
    ),
  );
  place.replaceChildren(element("div", { className: "bars" }, ...rows));
}

export function drawPie(place, properties, data) {
  const found = valued(data).filter((series) => series.value > 0);
  const total = found.reduce((sum, series) => sum + series.value, 0);
  let share = 0;
  const parts = found.map((series) => {
    const part = drawing("circle", {
      r: 15.9155, cx: 21, cy: 21, fill: "none", stroke: series.color, "stroke-width": 7, pathLength: 100,
      "stroke-dasharray": `${(series.value / total) * 100} 100`, "stroke-dashoffset": -share * 100, transform: "rotate(-90 21 21)",
    });
    part.append(drawing("title", {}, `${series.label}: ${number(series.value)}`));
    share += series.value / total;
    return part;
  });
  const rows = found.map((series) =>
    element("div", { className: "row" }, element("i", { style: { background: series.color } }), element("span", {}, series.label), element("b", {}, number(series.value)), element("small", {}, `${((series.value / total) * 100).toFixed(1)} %`)),
  );
  place.replaceChildren(element("div", { className: "pie" }, drawing("svg", { viewBox: "0 0 42 42" }, ...parts), element("div", { className: "rows" }, ...rows)));
}

export function drawGauges(place, properties, data) {
  const { min = 0, max = 100 } = properties.yAxis?.left ?? {};
  const gauges = valued(data).map((series) => {
    const share = Math.max(0, Math.min(1, ((series.value ?? min) - min) / (max - min || 1)));
    const arc = (length, stroke) => drawing("path", { d: "M 8 44 A 36 36 0 0 1 80 44", fill: "none", stroke, "stroke-width": 9, "stroke-linecap": "round", pathLength: 100, "stroke-dasharray": `${length} 200` });
    const picture = drawing("svg", { viewBox: "0 0 88 52", class: "gauge" }, arc(100, "var(--track)"), ...(share ? [arc(share * 100, series.color)] : []));
    return element("div", { className: "figure" }, picture, element("div", { className: "value" }, short(series.value ?? NaN)), element("div", { className: "label" }, series.label));
  });
  place.replaceChildren(element("div", { className: "figures" }, ...gauges));
}

export function drawTable(place, properties, data) {
  const cells = (name, values) => element("tr", {}, ...values.map((value) => element(name, {}, value)));
  const rows = valued(data).map((series) => {
    const { values } = series;
    const sum = values.reduce((total, value) => total + value, 0);
    return cells("td", [series.label, number(series.value), number(Math.min(...values)), number(Math.max(...values)), number(sum / values.length), number(sum)]);
  });
  place.replaceChildren(element("table", { className: "table" }, element("thead", {}, cells("th", ["", "Last", "Min", "Max", "Average", "Sum"])), element("tbody", {}, ...rows)));
}
