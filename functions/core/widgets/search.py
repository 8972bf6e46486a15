"""The widget that finds log lines and requests: a form, whose answer opens above the dashboard."""

from __future__ import annotations

from functions.core.widgets.page import page
from functions.core.widgets.parts import View, action, field

DOCS = """## Find log lines

Log lines of the dashboard's time range that hold a text, belong to a trace, a request or a customer, or have a level;
what is left empty does not matter. Nothing is read before the button is pressed; then Athena reads the hours of the
time range. What was redacted before writing cannot be found.

**Follow the request** shows what the request of the trace or request id caused: its steps over functions, queues and
third parties on a time line, what it cost, where its time went, and the likely cause. `tracelake trace ID` shows the
same.

`tracelake ask find_log_lines` asks for the same lines, and so do the saved queries of Logs Insights without the lake.

| parameter | meaning |
|---|---|
| `widget` | `find_log_lines` |

```yaml
widget: find_log_lines
```
"""

_FIELDS = {"text": "Text", "trace": "Trace or request id", "tenant": "Customer's id", "level": "Level"}


def render(view: View) -> str:
    """The form as HTML."""
    fields = "".join(field(name, label) for name, label in _FIELDS.items())
    lines = action(view, "Find lines", "tl-button", {"widget": "log_lines"})
    request = action(view, "Follow the request", "tl-button", {"widget": "request"})
    return page(view.context, f'<form class="tl-form tl-wide">{fields}{lines}{request}</form>')
