"""The widget that finds log lines: a form, whose answer opens above the dashboard."""

from __future__ import annotations

from functions.core.widgets.page import page
from functions.core.widgets.parts import View, action, field

DOCS = """## Find log lines

Log lines of the dashboard's time range that hold a text, belong to a trace, a request or a customer, or have a level;
what is left empty does not matter. Nothing is read before the button is pressed; then Athena reads the hours of the
time range. What was redacted before writing cannot be found.

`tracelake ask find_log_lines` asks the same, and so do the saved queries of Logs Insights without the lake.

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
    button = action(view, "Find", "tl-button", {"widget": "log_lines"})
    return page(view.context, f'<form class="tl-form tl-wide">{fields}{button}</form>')
