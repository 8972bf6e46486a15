// Alarms: the strip above a dashboard, the alarm widget, and what is known of one.

import { get } from "./api.js";
import { element, note, popup } from "./dom.js";
import { ago, time } from "./numbers.js";
import { sanitised } from "./sanitise.js";

const STATES = { ALARM: "In alarm", INSUFFICIENT_DATA: "Insufficient data", OK: "OK" };
const ORDER = Object.keys(STATES);
const KINDS = { ALARM: "alarm", INSUFFICIENT_DATA: "unknown", OK: "ok" };

const ordered = (alarms) =>
  [...alarms].sort((a, b) => ORDER.indexOf(a.StateValue) - ORDER.indexOf(b.StateValue) || a.AlarmName.localeCompare(b.AlarmName));

function shortName(name, stage) {
  const words = name.replace(`tracelake-${stage}-`, "").replaceAll("-", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function drawStrip(place, alarms, context) {
  if (!alarms.length) return place.replaceChildren();
  const wrong = alarms.filter((alarm) => alarm.StateValue === "ALARM").length;
  const summary = wrong ? `${wrong} of ${alarms.length} in alarm` : `${alarms.length} alarm${alarms.length > 1 ? "s" : ""}, none active`;
  const chips = ordered(alarms).map((alarm) =>
    element(
      "button",
      { className: `chip ${KINDS[alarm.StateValue]}`, title: STATES[alarm.StateValue], onclick: () => open(alarm, context) },
      element("i"),
      shortName(alarm.AlarmName, context.stage),
    ),
  );
  place.replaceChildren(element("strong", { className: wrong ? "alarm" : "" }, summary), ...chips);
}

export function alarmWidget(widget, content) {
  return {
    async update(context) {
      const wanted = widget.properties.alarms ?? [];
      const states = widget.properties.states;
      const found = context.alarms.filter((alarm) => wanted.includes(alarm.AlarmArn) && (!states || states.includes(alarm.StateValue)));
      if (!found.length) return content.replaceChildren(note("No alarms to show"));
      const cards = ordered(found).map((alarm) =>
        element(
          "button",
          { className: `alarm-card ${KINDS[alarm.StateValue]}`, title: alarm.StateReason, onclick: () => open(alarm, context) },
          element("span", { className: "name" }, shortName(alarm.AlarmName, context.stage)),
          element("span", { className: "state" }, `${STATES[alarm.StateValue]} for ${ago(Date.now() - alarm.since)}`),
          element("span", { className: "condition" }, alarm.condition),
        ),
      );
      content.replaceChildren(element("div", { className: "alarm-cards" }, ...cards));
    },
    restyle() {},
    end() {},
  };
}

function open(alarm, context) {
  const text = withRunbooks(alarm.html);
  const since = `${time(alarm.since, context.zone, "day")}, ${time(alarm.since, context.zone, "second")}`;
  popup(
    alarm.AlarmName,
    element(
      "div",
      { className: "alarm-detail" },
      element("p", { className: `chip ${KINDS[alarm.StateValue]}` }, element("i"), `${STATES[alarm.StateValue]} since ${since}`),
      text,
      element("dl", {}, element("dt", {}, "Goes off when"), element("dd", {}, alarm.condition), element("dt", {}, "Why it is so"), element("dd", {}, alarm.StateReason)),
    ),
  );
}

/** Text with links to runbooks, which open in its place. */
function withRunbooks(html) {
  const text = element("div", { className: "markdown" }, sanitised(html));
  text.addEventListener("click", async (event) => {
    const runbook = /#runbook\/(\w+)$/.exec(event.target.closest("a[href]")?.href ?? "");
    if (!runbook) return;
    event.preventDefault();
    const found = await get(`/api/runbooks/${runbook[1]}`).catch((error) => error);
    popup("Runbook", found.html ? withRunbooks(found.html) : note("This runbook cannot be read", found.message));
  });
  return text;
}
