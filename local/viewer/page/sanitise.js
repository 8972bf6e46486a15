// What a custom widget returns, without all that could run, load or lead astray.
//
// CloudWatch takes out JavaScript, <iframe> and <use>
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_security.html).

import createDOMPurify from "/library/purify.js";

const ACTION_ATTRIBUTES = ["action", "confirmation", "display", "endpoint", "event"];
const purify = createDOMPurify(window);

purify.addHook("uponSanitizeAttribute", (node, data) => {
  if (ACTION_ATTRIBUTES.includes(data.attrName) && node.localName !== "cwdb-action") data.keepAttr = false;
});
purify.addHook("afterSanitizeAttributes", (node) => {
  if (node.localName === "a" && node.hasAttribute("href") && !dashboardOf(node.href)) {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer");
  }
});

/** A fragment of safe elements, `<cwdb-action>` among them. */
export const sanitised = (html) =>
  purify.sanitize(html, {
    RETURN_DOM_FRAGMENT: true,
    FORCE_BODY: true,
    ADD_TAGS: ["cwdb-action"],
    ADD_ATTR: [...ACTION_ATTRIBUTES, "target"],
    FORBID_TAGS: ["iframe", "use", "object", "embed", "link", "base", "meta"],
  });

/** The dashboard that a link of the console leads to; null for any other link. */
export function dashboardOf(link) {
  const found = /#dashboards(?:\/dashboard\/|[:?/].*?\bname=|\/)([A-Za-z0-9_-]+)/.exec(link);
  return found ? found[1] : null;
}
