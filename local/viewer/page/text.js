// A text widget: its Markdown comes as HTML.

import { element } from "./dom.js";
import { dashboardOf, sanitised } from "./sanitise.js";

export function textWidget(widget, content) {
  return {
    async update() {
      const text = element("div", { className: "markdown" }, sanitised(widget.html));
      text.addEventListener("click", (event) => {
        const link = event.target.closest("a[href]");
        const dashboard = link && dashboardOf(link.href);
        if (dashboard) {
          event.preventDefault();
          location.hash = `dashboards/${dashboard}`;
        }
      });
      content.replaceChildren(text);
    },
    restyle() {},
    end() {},
  };
}
