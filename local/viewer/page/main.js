// The page: which dashboard, which time range, and when to look again.

import { alarmWidget, drawStrip } from "./alarms.js";
import { get } from "./api.js";
import { customWidget } from "./custom.js";
import { element, note } from "./dom.js";
import { metricWidget } from "./metric.js";
import { time } from "./numbers.js";
import * as ranges from "./range.js";
import { dashboardOf } from "./sanitise.js";
import { textWidget } from "./text.js";

const WIDGETS = { metric: metricWidget, custom: customWidget, alarm: alarmWidget, text: textWidget };
const EVERY = [["Off", 0], ["10 s", 10], ["1 min", 60], ["5 min", 300]];
const at = (id) => document.getElementById(id);

const state = {
  overview: { dashboards: [] },
  dashboard: null,
  body: { widgets: [] },
  range: null,
  zoom: null,
  zone: localStorage.zone ?? "local",
  every: Number(localStorage.every ?? 60),
  widgets: [],
};

function context(alarms) {
  const base = ranges.bounds(state.range);
  const range = state.zoom ?? base;
  return {
    alarms, base, range,
    relative: Boolean(state.range.length), zoomed: Boolean(state.zoom),
    body: state.body, dashboard: state.dashboard, zone: state.zone, theme: document.documentElement.dataset.theme,
    account: state.overview.account, stage: state.overview.stage,
    period: period(range.end - range.start),
    zoom(start, end) {
      state.zoom = { start: Math.round(start), end: Math.round(end) };
      drawControls();
      update("time");
    },
  };
}

const PERIODS = [[3, 60], [24, 300], [72, 900], [360, 3600], [1512, 21600], [Infinity, 86400]];
const period = (milliseconds) => PERIODS.find(([hours]) => milliseconds <= hours * 3600e3)[1];

/** Asks for everything anew; `why` is load, refresh, time, theme or resize. */
let updates = 0;
async function update(why) {
  const mine = ++updates;
  document.body.dataset.busy = "true";
  try {
    const { alarms } = await get("/api/alarms");
    const given = context(alarms);
    drawStrip(at("alarms"), alarms, given);
    await Promise.all(state.widgets.map((widget) => widget.update(given, why)));
    trouble(null);
  } catch (error) {
    trouble(`The local stack does not answer: ${error.message}`);
  }
  if (mine === updates) {
    document.body.dataset.busy = "false";
    document.body.dataset.updated = String(updates);
  }
}

function trouble(words) {
  at("trouble").hidden = !words;
  at("trouble").textContent = words ?? "";
}

function drawWidgets() {
  for (const widget of state.widgets) widget.end();
  const cards = state.body.widgets.map((widget) => card(widget));
  state.widgets = cards.map(([, handle]) => handle);
  at("grid").replaceChildren(...cards.map(([drawn]) => drawn));
  if (!cards.length) at("grid").append(note("This dashboard has no widgets"));
}

function card(widget) {
  const { properties } = widget;
  const content = element("div", { className: "content" });
  const back = element("button", { className: "quiet", hidden: true, title: "Back to the whole" }, "← Back");
  const larger = element("button", { className: "quiet icon larger", title: "Larger or smaller", onclick: () => drawn.classList.toggle("large") }, "⤢");
  const head = element("div", { className: "head" }, element("h2", { title: properties.title ?? "" }, properties.title ?? ""), back, larger);
  const drawn = element(
    "article",
    { className: `card ${widget.type} ${properties.background ?? ""} ${properties.title ? "" : "untitled"}`, data: { type: widget.type, id: widget.id, view: properties.view ?? "" } },
    ...(widget.type === "text" ? [] : [head]),
    content,
  );
  place(drawn, widget);
  const make = WIDGETS[widget.type] ?? unknownWidget;
  const made = make(widget, content, {
    busy: (is) => drawn.classList.toggle("busy", is),
    back(go) {
      back.hidden = !go;
      back.onclick = go;
    },
  });
  let width = 0;
  new ResizeObserver(([entry]) => {
    const now = Math.round(entry.contentRect.width);
    if (width && Math.abs(now - width) > 8) made.resized?.();
    width = now;
  }).observe(content);
  const handle = {
    ...made,
    async update(given, why) {
      drawn.classList.add("busy");
      try {
        await made.update(given, why);
        drawn.dataset.failed = "";
      } catch (error) {
        content.replaceChildren(note("This widget cannot be shown", error.message));
        drawn.dataset.failed = error.message;
      }
      drawn.classList.remove("busy");
    },
  };
  return [drawn, handle];
}

function place(drawn, { x, y, width = 6, height = 6 }) {
  drawn.style.gridColumn = `${x === undefined ? "auto" : x + 1} / span ${width}`;
  drawn.style.gridRow = `${y === undefined ? "auto" : y + 1} / span ${height}`;
  drawn.style.setProperty("--rows", height);
}

function unknownWidget(widget, content) {
  return {
    async update() {
      content.replaceChildren(note(`Widgets of type ${widget.type} are not shown here`));
    },
    restyle() {},
    end() {},
  };
}

// what the address says

function address(changes = {}) {
  const { dashboard, range } = { dashboard: state.dashboard, range: state.range?.text, ...changes };
  return `#dashboards/${dashboard}${range ? `?range=${range}` : ""}`;
}

async function follow() {
  const wanted = dashboardOf(location.hash);
  const range = ranges.parse(new URLSearchParams(location.hash.split("?")[1]).get("range"));
  const name = state.overview.dashboards.includes(wanted) ? wanted : state.overview.dashboards[0];
  if (!name) return at("grid").replaceChildren(note("No dashboard is deployed here", "Deploy the stacks first: make demo"));
  const isNew = name !== state.dashboard;
  if (isNew) {
    state.dashboard = name;
    state.body = await get(`/api/dashboards/${encodeURIComponent(name)}`);
    document.title = `${name} · tracelake`;
  }
  state.range = range ?? (isNew && !state.range ? ranges.ofBody(state.body) : state.range);
  state.zoom = null;
  history.replaceState(null, "", address());
  drawControls();
  if (isNew) drawWidgets();
  await update(isNew ? "load" : "time");
}

// controls

function drawControls() {
  const { dashboards, stage } = state.overview;
  at("dashboards").replaceChildren(
    ...dashboards.map((name) =>
      element("a", { href: address({ dashboard: name }), title: name, "aria-current": name === state.dashboard ? "page" : "false" }, tabName(name, stage)),
    ),
  );
  const presets = ranges.PRESETS.map((text) => rangeButton(text, text, state.range.text === text));
  const custom = !ranges.PRESETS.includes(state.range.text);
  const button = element("button", { className: custom ? "on" : "", onclick: askRange }, custom ? rangeWords() : "Custom");
  at("ranges").replaceChildren(...presets, button);
  at("zoom").hidden = !state.zoom;
  at("zone").textContent = state.zone === "utc" ? "UTC" : "Local time";
}

function tabName(name, stage) {
  const words = name.replace(`tracelake-${stage}-`, "").replaceAll("-", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const rangeButton = (text, words, on) =>
  element("button", { className: on ? "on" : "", onclick: () => (location.hash = address({ range: text })) }, words);

function rangeWords() {
  if (state.range.length) return state.range.text;
  return [state.range.start, state.range.end].map((each) => `${time(each, state.zone, "day")} ${time(each, state.zone, "minute")}`).join(" – ");
}

function askRange() {
  const dialog = at("custom-range");
  const form = dialog.querySelector("form");
  const shift = state.zone === "utc" ? 0 : new Date().getTimezoneOffset() * 60e3;
  const { start, end } = ranges.bounds(state.range);
  const field = (each) => new Date(each - shift).toISOString().slice(0, 16);
  form.elements.start.value = field(start);
  form.elements.end.value = field(end);
  dialog.onclose = () => {
    if (dialog.returnValue !== "apply") return;
    const [from, to] = [form.elements.start.value, form.elements.end.value].map((each) => Date.parse(`${each}Z`) + shift);
    if (from < to) location.hash = address({ range: ranges.between(from, to).text });
  };
  dialog.returnValue = "";
  dialog.showModal();
}

let timer = 0;
function schedule() {
  clearInterval(timer);
  if (state.every) timer = setInterval(() => document.hidden || state.zoom || update("refresh"), state.every * 1000);
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  for (const widget of state.widgets) widget.restyle();
}

at("theme").onclick = () => {
  localStorage.theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  setTheme(localStorage.theme);
  update("theme");
};
at("zone").onclick = () => {
  state.zone = localStorage.zone = state.zone === "utc" ? "local" : "utc";
  drawControls();
  update("time");
};
at("zoom").onclick = () => {
  state.zoom = null;
  drawControls();
  update("time");
};
at("refresh").onclick = () => update("refresh");
at("every").append(...EVERY.map(([words, seconds]) => element("option", { value: seconds, selected: seconds === state.every }, words)));
at("every").onchange = (event) => {
  state.every = localStorage.every = Number(event.target.value);
  schedule();
};
addEventListener("hashchange", follow);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => localStorage.theme || (setTheme(event.matches ? "dark" : "light"), update("theme")));

setTheme(localStorage.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
try {
  state.overview = await get("/api/overview");
  await follow();
} catch (error) {
  trouble(`The local stack does not answer: ${error.message}`);
}
schedule();
