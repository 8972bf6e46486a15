// A custom widget: HTML that a function returns, and what its <cwdb-action> elements do.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_interactivity.html

import { post } from "./api.js";
import { element, note, popup } from "./dom.js";
import { sanitised, dashboardOf } from "./sanitise.js";

const EVENTS = ["click", "dblclick", "mouseenter"];
const styles = new CSSStyleSheet();
styles.replaceSync("cwdb-action { display: none } :host { display: block }");
const defaults = new CSSStyleSheet();
defaults.replaceSync(`
  * { box-sizing: border-box }
  :host { font: 13px/1.5 Inter, system-ui, sans-serif; color: var(--text) }
  a { color: var(--link); text-decoration: none; cursor: pointer } a:hover { text-decoration: underline }
  table { border-collapse: collapse; width: 100% }
  th { text-align: left; font-weight: 600; color: var(--quiet); border-bottom: 1px solid var(--line); padding: 5px 8px }
  td { border-bottom: 1px solid var(--line); padding: 5px 8px }
  pre { font: 12px/1.5 ui-monospace, Menlo, Consolas, monospace; white-space: pre-wrap; overflow-wrap: anywhere; margin: 0 }
  code { font: 12px ui-monospace, Menlo, Consolas, monospace; background: var(--track); border-radius: 4px; padding: 1px 4px }
  .btn { display: inline-block; font-weight: 600; border: 1px solid var(--line-strong); border-radius: 7px; padding: 4px 12px; color: var(--text) }
  .btn:hover { background: var(--hover); text-decoration: none }
  .btn-primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent) }
  .btn-primary:hover { background: var(--accent); filter: brightness(1.08) }
  input, select, textarea { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line-strong); border-radius: 7px; padding: 4px 8px }
`);

export function customWidget(widget, content, card) {
  const { properties } = widget;
  const place = shadowed();
  content.replaceChildren(place.host);
  let context = null;
  let drilled = false;

  const event = (parameters, forms) => ({ ...parameters, widgetContext: widgetContext(widget, context, content, forms) });

  async function call(endpoint, parameters, forms) {
    return post("/api/invoke", { function: endpoint, event: event(parameters, forms) });
  }

  async function show() {
    drilled = false;
    card.back(null);
    fill(place, await call(properties.endpoint, properties.params ?? {}, {}));
  }

  function fill(target, answer) {
    target.root.replaceChildren(asContent(answer));
    const plain = target.root.querySelector(".cwdb-no-default-styles");
    target.root.adoptedStyleSheets = plain ? [styles] : [styles, defaults];
    for (const action of target.root.querySelectorAll("cwdb-action")) listen(action, target);
  }

  function listen(action, target) {
    const trigger = action.previousElementSibling;
    if (!trigger) return;
    const calls = action.getAttribute("action") === "call";
    const wanted = action.getAttribute("event") ?? "click";
    const kind = !EVENTS.includes(wanted) || (calls && wanted === "mouseenter") ? "click" : wanted;
    if (kind !== "mouseenter" && !/^(button|a|input)$/.test(trigger.localName)) {
      trigger.style.cursor ||= "pointer";
      trigger.tabIndex = 0;
      trigger.addEventListener("keydown", (pressed) => pressed.key === "Enter" && trigger.dispatchEvent(new MouseEvent(kind)));
    }
    trigger.addEventListener(kind, (happened) => {
      happened.preventDefault();
      perform(action, calls, target);
    });
  }

  async function perform(action, calls, target) {
    const question = action.getAttribute("confirmation");
    if (question && !(await confirmed(question))) return;
    const forms = { ...formsIn(place.root), ...formsIn(target.root) };
    const inPopup = action.getAttribute("display") === "popup";
    card.busy(true);
    try {
      const answer = calls ? await call(action.getAttribute("endpoint") || properties.endpoint, parsed(action), forms) : { action };
      if (inPopup) {
        const opened = target === place ? shadowed() : target;
        fill(opened, answer);
        if (target === place) popup(properties.title || "", opened.host);
      } else {
        if (target !== place) target.host.closest("dialog")?.close();
        fill(place, answer);
        drilled = true;
        card.back(() => update(context));
      }
    } catch (error) {
      popup("This did not work", note("The function could not be called", error.message));
    } finally {
      card.busy(false);
    }
  }

  async function update(given) {
    context = given;
    card.busy(true);
    try {
      await show();
    } finally {
      card.busy(false);
    }
  }

  return {
    async update(given, why) {
      const on = properties.updateOn ?? {};
      const wanted = why === "load" || { refresh: on.refresh ?? true, time: on.timeRange ?? true, theme: true, resize: on.resize ?? true }[why];
      if (wanted && !(drilled && why === "refresh")) await update(given);
    },
    restyle() {},
    resized: () => context && !drilled && (properties.updateOn?.resize ?? true) && update(context),
    end() {},
  };
}

function shadowed() {
  const host = element("div", { className: "foreign" });
  const root = host.attachShadow({ mode: "open" });
  root.addEventListener("submit", (event) => event.preventDefault());
  root.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    const dashboard = link && dashboardOf(link.href);
    if (dashboard) {
      event.preventDefault();
      host.closest("dialog")?.close();
      location.hash = `dashboards/${dashboard}`;
    }
  });
  return { host, root };
}

function asContent({ html, action, error, value }) {
  if (error !== undefined) return element("div", {}, element("p", {}, "The function of this widget failed."), element("pre", {}, error));
  if (action) return action.cloneNode(true).childNodes.length ? fragmentOf(action) : document.createDocumentFragment();
  if (html !== undefined) return sanitised(html);
  return element("pre", {}, JSON.stringify(value, null, 2));
}

function fragmentOf(action) {
  const fragment = document.createDocumentFragment();
  fragment.append(...[...action.childNodes].map((node) => node.cloneNode(true)));
  return fragment;
}

function parsed(action) {
  const text = action.textContent.trim();
  return text ? JSON.parse(text) : {};
}

function formsIn(root) {
  const all = {};
  for (const field of root.querySelectorAll("input[name], select[name], textarea[name]")) {
    if (field.type === "radio" && !field.checked) continue;
    all[field.name] = field.type === "checkbox" ? field.checked : field.multiple ? [...field.selectedOptions].map((each) => each.value) : field.value;
  }
  return all;
}

async function confirmed(question) {
  const { closed } = popup("Please confirm", element("p", {}, question), [["Cancel", false], ["Confirm", true]]);
  return (await closed) === "Confirm";
}

function widgetContext(widget, context, content, forms) {
  const offset = context.zone === "utc" ? 0 : -new Date().getTimezoneOffset();
  const pad = (value) => String(Math.floor(value)).padStart(2, "0");
  const { start, end } = context.base;
  return {
    dashboardName: context.dashboard,
    widgetId: widget.id,
    domain: "http://localhost",
    accountId: context.account,
    locale: "en",
    timezone: {
      label: offset ? "Local" : "UTC",
      offsetISO: `${offset < 0 ? "-" : "+"}${pad(Math.abs(offset) / 60)}:${pad(Math.abs(offset) % 60)}`,
      offsetInMinutes: -offset,
    },
    period: context.period,
    isAutoPeriod: context.body.periodOverride !== "inherit",
    timeRange: {
      mode: context.relative ? "relative" : "absolute",
      start,
      end,
      ...(context.relative && { relativeStart: end - start }),
      ...(context.zoomed && { zoom: context.range }),
    },
    theme: context.theme,
    linkCharts: true,
    title: widget.properties.title ?? "",
    params: widget.properties.params ?? {},
    forms: { all: forms },
    width: Math.round(content.clientWidth),
    height: Math.round(content.clientHeight),
  };
}
