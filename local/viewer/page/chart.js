// Lines and stacked areas over time.

import uPlot from "/library/uplot.js";
import { colors, dark, faded } from "./colors.js";
import { element } from "./dom.js";
import { number, short, time } from "./numbers.js";
import { hideTooltip, showTooltip } from "./tooltip.js";

const FONT = '11px Inter, system-ui, sans-serif';
const SERIES_IN_TOOLTIP = 12;
const LONGEST_AXIS = 20000;

/** Draws `data` (as /api/metrics gives it) into `place`; returns what ends it. */
export function drawChart(place, properties, data, view) {
  const lines = colors(data.series).map((color, at) => ({ ...data.series[at], color, shown: !view.hidden.has(data.series[at].label) }));
  const box = element("div", { className: "plot" });
  const legend = drawLegend(lines, properties);
  const right = properties.legend?.position === "right";
  const labels = axisLabels(properties, lines);
  place.replaceChildren(element("div", { className: right ? "chart legend-right" : "chart" }, ...labels, box, ...(legend ? [legend.element] : [])));
  let plot = null;

  const draw = () => {
    plot?.destroy();
    const { width, height } = box.getBoundingClientRect();
    plot = width > 40 && height > 40 ? plotted(box, lines, properties, data, view, { width, height }) : null;
  };
  legend?.listen({
    toggle(line, alone) {
      const others = lines.filter((each) => each !== line);
      if (alone) {
        const isAlone = line.shown && others.every((each) => !each.shown);
        for (const each of others) each.shown = isAlone;
        line.shown = true;
      } else {
        line.shown = !line.shown;
      }
      view.hidden.clear();
      for (const each of lines) if (!each.shown) view.hidden.add(each.label);
      legend.update();
      draw();
    },
    focus(line) {
      plot?.setSeries(line && line.shown ? lines.filter((each) => each.shown).indexOf(line) + 1 : null, { focus: true });
    },
  });
  const observer = new ResizeObserver(draw);
  observer.observe(box);
  return () => {
    observer.disconnect();
    plot?.destroy();
    hideTooltip();
  };
}

function axisLabels(properties, lines) {
  const axis = properties.yAxis ?? {};
  const [left, right] = [axis.left?.label, lines.some((line) => line.right) && axis.right?.label];
  return left || right ? [element("div", { className: "axis-labels" }, element("span", {}, left || ""), element("span", {}, right || ""))] : [];
}

function drawLegend(lines, properties) {
  if (properties.legend?.position === "hidden") return null;
  const items = lines.map((line) =>
    element(
      "button",
      { className: "legend-item", title: line.label },
      element("i", { style: { background: line.color } }),
      element("span", {}, line.label),
    ),
  );
  return {
    element: element("div", { className: "legend" }, ...items),
    update: () => items.forEach((item, at) => item.classList.toggle("off", !lines[at].shown)),
    listen({ toggle, focus }) {
      items.forEach((item, at) => {
        item.addEventListener("click", (event) => toggle(lines[at], !(event.ctrlKey || event.metaKey || event.shiftKey)));
        item.addEventListener("mouseenter", () => focus(lines[at]));
        item.addEventListener("mouseleave", () => focus(null));
      });
      this.update();
    },
  };
}

/** Times in seconds, and for each line its values there: null breaks the line, undefined lets it go on. */
function aligned(lines, { start, end }, period) {
  const times = new Set(lines.flatMap((line) => line.times));
  const first = Math.floor(start / 1000 / period) * period;
  if ((end / 1000 - first) / period < LONGEST_AXIS) for (let at = first; at <= end / 1000; at += period) times.add(at);
  const axis = [...times].sort((a, b) => a - b);
  const columns = lines.map((line) => {
    const values = new Map(line.times.map((at, index) => [at, line.values[index]]));
    let last = -Infinity;
    return axis.map((at) => {
      if (values.has(at)) {
        last = at;
        return values.get(at);
      }
      return at - last < line.period ? undefined : null;
    });
  });
  return [axis, ...columns];
}

/** Sums from the first line up; what is missing counts as nothing, but stays a gap where all is missing. */
function stacked([axis, ...columns]) {
  const sums = axis.map(() => 0);
  const present = axis.map((_, at) => columns.some((column) => typeof column[at] === "number"));
  return [axis, ...columns.map((column) => column.map((value, at) => (present[at] ? (sums[at] += value ?? 0) : null)))];
}

function plotted(box, lines, properties, data, view, size) {
  const shown = lines.filter((line) => line.shown);
  const raw = aligned(shown, view.range, data.period);
  const values = properties.stacked ? stacked(raw) : raw;
  const style = getComputedStyle(document.documentElement);
  const [grid, text] = [style.getPropertyValue("--grid").trim(), style.getPropertyValue("--quiet").trim()];
  const annotations = [...(properties.annotations?.horizontal ?? []), ...(data.annotations?.horizontal ?? [])].flat();
  const alone = shown.length === 1 && !properties.stacked;
  const axis = { stroke: text, font: FONT, ticks: { show: false }, border: { show: false } };
  const hasRight = shown.some((line) => line.right);
  const yAxis = (scale) => ({
    ...axis,
    scale,
    side: scale === "right" ? 1 : 3,
    gap: 6,
    space: 34,
    size: (_, ticks) => 14 + Math.max(2, ...(ticks ?? []).map((tick) => tick.length)) * 6.4,
    grid: { show: scale === "left", stroke: grid, width: 1 },
    values: (_, ticks) => ticks.map(short),
  });
  const options = {
    ...size,
    padding: [8, hasRight ? 0 : 10, 0, 0],
    legend: { show: false },
    focus: { alpha: 0.25 },
    tzDate: view.zone === "utc" ? (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC") : undefined,
    cursor: {
      sync: { key: "dashboard", setSeries: false, scales: ["x", null] },
      drag: { x: true, y: false, setScale: false },
      focus: { prox: 1e6 },
      points: { size: 7, width: 1.5, stroke: (plot, at) => style.getPropertyValue("--card").trim(), fill: (plot, at) => shown[at - 1].color },
    },
    scales: {
      x: { range: () => [view.range.start / 1000, view.range.end / 1000] },
      left: { range: valueRange(properties.yAxis?.left, annotations.filter((each) => each.yAxis !== "right")) },
      right: { range: valueRange(properties.yAxis?.right, annotations.filter((each) => each.yAxis === "right")) },
    },
    axes: [
      {
        ...axis,
        size: 24,
        gap: 6,
        space: 60,
        grid: { show: false },
        values: (_, ticks, __, ___, step) => ticks.map((tick) => tickWords(tick, step, view.zone)),
      },
      yAxis("left"),
      ...(hasRight ? [yAxis("right")] : []),
    ],
    series: [{}, ...shown.map((line) => lineStyle(line, { alone, stacked: properties.stacked }))],
    bands: properties.stacked ? shown.slice(1).map((_, at) => ({ series: [at + 2, at + 1] })) : [],
    hooks: {
      draw: [(plot) => annotations.forEach((each) => drawThreshold(plot, each, text))],
      drawAxes: [(plot) => drawBaseline(plot, grid)],
      setSelect: [
        (plot) => {
          if (plot.select.width < 4) return;
          const [from, to] = [plot.select.left, plot.select.left + plot.select.width].map((left) => plot.posToVal(left, "x") * 1000);
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          hideTooltip();
          view.zoom(from, to);
        },
      ],
    },
  };
  const plot = new uPlot(options, values, box);
  followPointer(plot, shown, raw, values, view);
  return plot;
}

function lineStyle(line, { alone, stacked }) {
  return {
    label: line.label,
    scale: line.right ? "right" : "left",
    stroke: line.color,
    width: stacked ? 1 : 1.75,
    fill: stacked ? faded(line.color, dark() ? 0.55 : 0.6) : alone ? (plot) => shade(plot, line) : undefined,
    points: {
      size: 6,
      width: 0,
      fill: line.color,
      filter: (plot, at, show) => {
        const values = plot.data[at];
        const lonely = (index) => typeof values[index] === "number" && !hasNeighbour(values, index, -1) && !hasNeighbour(values, index, 1);
        return show ? null : [...values.keys()].filter(lonely);
      },
      show: false,
    },
  };
}

function hasNeighbour(values, index, step) {
  let at = index + step;
  while (values[at] === undefined && at >= 0 && at < values.length) at += step;
  return typeof values[at] === "number";
}

function shade(plot, line) {
  const { top, height } = plot.bbox;
  const gradient = plot.ctx.createLinearGradient(0, top, 0, top + height);
  gradient.addColorStop(0, faded(line.color, dark() ? 0.28 : 0.22));
  gradient.addColorStop(1, faded(line.color, 0.02));
  return gradient;
}

/** What the dashboard fixes, else from zero up with a little air; thresholds stay in sight. */
function valueRange(axis, annotations) {
  return (_, low, high) => {
    const limits = annotations.map((each) => each.value);
    let [least, most] = [Math.min(low ?? 0, ...limits), Math.max(high ?? 1, ...limits)];
    if (least >= 0 && least < most * 0.7) least = 0;
    if (most === least) [least, most] = least > 0 ? [0, most * 1.25] : [least, least + 1];
    const air = (most - least) * 0.08;
    return [axis?.min ?? (least === 0 ? 0 : least - air), axis?.max ?? most + air];
  };
}

function tickWords(tick, step, zone) {
  const midnight = time(tick * 1000, zone, "minute") === "00:00";
  return midnight || step >= 86400 ? time(tick * 1000, zone, "day") : time(tick * 1000, zone, "minute");
}

function drawBaseline(plot, color) {
  const { left, top, width, height } = plot.bbox;
  plot.ctx.save();
  plot.ctx.fillStyle = color;
  plot.ctx.fillRect(left, top + height, width, devicePixelRatio);
  plot.ctx.restore();
}

function drawThreshold(plot, annotation, text) {
  const scale = annotation.yAxis === "right" ? "right" : "left";
  const y = plot.valToPos(annotation.value, scale, true);
  const { left, top, width, height } = plot.bbox;
  if (!(y >= top && y <= top + height)) return;
  const { ctx } = plot;
  const color = annotation.color ?? (dark() ? "#ff7a7a" : "#d91515");
  ctx.save();
  if (annotation.fill === "above" || annotation.fill === "below") {
    ctx.fillStyle = faded(color, 0.07);
    annotation.fill === "above" ? ctx.fillRect(left, top, width, y - top) : ctx.fillRect(left, y, width, top + height - y);
  }
  ctx.strokeStyle = color;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(left, y);
  ctx.lineTo(left + width, y);
  ctx.stroke();
  if (annotation.label) {
    ctx.font = FONT.replace("11px", `${11 * devicePixelRatio}px`);
    ctx.fillStyle = text;
    ctx.textAlign = "left";
    ctx.textBaseline = y - top < 18 * devicePixelRatio ? "top" : "bottom";
    ctx.fillText(annotation.label, left + 6 * devicePixelRatio, y + (ctx.textBaseline === "top" ? 4 : -3) * devicePixelRatio);
  }
  ctx.restore();
}

function followPointer(plot, lines, raw, values, view) {
  const show = (event) => {
    const at = plot.cursor.idx;
    if (at === null || at === undefined || plot.cursor.left < 0) return hideTooltip();
    const found = lines
      .map((line, number) => ({ line, value: raw[number + 1][at], height: values[number + 1][at] }))
      .filter((each) => typeof each.value === "number");
    if (!found.length) return hideTooltip();
    const pointer = (each) => Math.abs(plot.valToPos(each.height, each.line.right ? "right" : "left") - plot.cursor.top);
    const nearest = found.reduce((best, each) => (pointer(each) < pointer(best) ? each : best));
    const order = [...found].sort((a, b) => b.value - a.value);
    const listed = order.slice(0, SERIES_IN_TOOLTIP);
    if (!listed.includes(nearest)) listed[listed.length - 1] = nearest;
    const rows = listed.map(({ line, value }) =>
      element(
        "div",
        { className: line === nearest.line && found.length > 1 ? "row near" : "row" },
        element("i", { style: { background: line.color } }),
        element("span", {}, line.label),
        element("b", {}, number(value)),
      ),
    );
    const rest = order.length - listed.length;
    showTooltip(
      event,
      element("div", { className: "when" }, `${time(plot.data[0][at] * 1000, view.zone, "day")}, ${time(plot.data[0][at] * 1000, view.zone, "minute")}`),
      ...rows,
      ...(rest ? [element("div", { className: "rest" }, `and ${rest} more`)] : []),
    );
  };
  plot.over.addEventListener("mousemove", show);
  plot.over.addEventListener("mouseleave", hideTooltip);
}
