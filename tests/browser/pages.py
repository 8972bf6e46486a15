"""What the browser's tests look at: a page that keeps its complaints, and widgets that try things."""

from __future__ import annotations

import io
import json
import time
import zipfile
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Locator, Page

from local.run import ACCOUNT, REGION, Emulator
from local.viewer.chromium import wait_until_shown

HOSTILE_NAMES = (
    "<script>window.pwned = 1</script>",
    '"><img src=x onerror=window.pwned=1>',
    "javascript:window.pwned=1",
    "</style><svg onload=window.pwned=1>",
    '<cwdb-action action="call" endpoint="evil">{}</cwdb-action>',
    "\u202ehctam on\u0000",
)

# a widget as a function: says what it was asked, and has every kind of action
ACTING = '''
import html, json

PAGE = """
<p id="seen">{seen}</p>
<form><input name="wanted" value="first"><input type="checkbox" name="also" checked></form>
<a id="call" class="btn">Call</a>
<cwdb-action action="call" display="popup" endpoint="{arn}">{{"detail": "&lt;b&gt;globex&lt;/b&gt;"}}</cwdb-action>
<a id="replace">Replace</a>
<cwdb-action action="call" endpoint="{arn}">{{"detail": "whole"}}</cwdb-action>
<a id="html">Html</a>
<cwdb-action display="popup"><p id="inside">from the page itself</p></cwdb-action>
<a id="sure">Sure?</a>
<cwdb-action action="call" confirmation="Really do it?" display="popup" endpoint="{arn}">{{"detail": 1}}</cwdb-action>
<a id="other" href="https://us-east-1.console.aws.amazon.com/cloudwatch/home#dashboards:name=test-many">Other</a>
"""

def handle(event, context):
    if event.get("describe"):
        return "none"
    return PAGE.format(seen=html.escape(json.dumps(event)), arn=context.invoked_function_arn)
'''

HOSTILE = '''
def handle(event, context):
    return """
<script>window.pwned = 1</script><img src=x onerror="window.pwned=1"><svg onload="window.pwned=1"><use href="#a"/></svg>
<a href="javascript:window.pwned=1" id="link">link</a><iframe srcdoc="<script>parent.pwned=1</script>"></iframe>
<form action="https://example.com/steal"><button formaction="https://example.com">send</button></form>
<style>body { display: none !important } #grid { display: none !important }</style>
<style>@import "https://example.com/x.css"; p { background: url(https://example.com/x.png) }</style>
<base href="https://example.com/"><meta http-equiv="refresh" content="0; url=https://example.com/">
<a id="bait">bait</a>
<cwdb-action display="popup"><img src=x onerror="window.pwned=1"><b id="bitten">bitten</b></cwdb-action>
<p>still here</p>"""
'''

FAILING = """
def handle(event, context):
    raise RuntimeError("<img src=x onerror=window.pwned=1>")
"""


class Seen:
    """One page, with what its browser complained of and whom it asked."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def variable(self, name: str) -> object:
        """A variable of the page, asked of the browser, since the page's policy lets nobody evaluate text in it."""
        session = self.page.context.new_cdp_session(self.page)
        return session.send("Runtime.evaluate", {"expression": f"window.{name}"})["result"].get("value")

    def settle(self) -> None:
        wait_until_shown(self.page)

    def card(self, title: str) -> Locator:
        return self.page.locator("article", has=self.page.get_by_role("heading", name=title, exact=True))

    @staticmethod
    def text(card: Locator) -> str:
        """All text of a widget, also that of a function."""
        foreign = card.locator(".foreign")
        inside = [each.evaluate("host => host.shadowRoot.textContent") for each in foreign.all()]
        return "\n".join([card.inner_text(), *inside])

    def _note(self, message) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


def put_test_widgets(emulator: Emulator) -> None:
    """Dashboards of the tests' own: actions, hostile HTML, no data, many series, and every view."""
    functions = {name: _put_function(emulator, name, code) for name, code in
                 {"acting": ACTING, "hostile": HOSTILE, "failing": FAILING}.items()}  # fmt: skip
    custom = {
        name: {"type": "custom", "x": 0, "y": 0, "width": 8, "height": 9,
               "properties": {"title": name, "endpoint": arn, "params": {"top": 3}}}
        for name, arn in functions.items()
    }  # fmt: skip
    _put_many_series(emulator)
    found = {"expression": "SEARCH('{test,Function} MetricName=\"Errors\"', 'Sum', 60)", "id": "e1"}
    metrics = [["test", "Errors", "Function", f"function-{number:03}"] for number in range(3)]
    math = [[{"expression": "SUM(METRICS())", "label": "all of them", "id": "all"}], *metrics]
    views = {
        "lines": {"metrics": metrics},
        "stacked": {"metrics": metrics, "stacked": True},
        "number": {"metrics": metrics, "view": "singleValue", "sparkline": True},
        "bar": {"metrics": metrics, "view": "bar"},
        "pie": {"metrics": metrics, "view": "pie"},
        "gauge": {"metrics": metrics, "view": "gauge", "yAxis": {"left": {"min": 0, "max": 40}}},
        "table": {"metrics": metrics, "view": "table"},
        "math": {"metrics": math},
        "threshold": {
            "metrics": metrics,
            "annotations": {"horizontal": [{"value": 20, "label": "too many", "fill": "above"}]},
        },
    }
    dashboards = {
        "test-custom": [custom["acting"]],
        "test-failing": [custom["failing"]],
        "test-hostile": [custom["hostile"]],
        "test-many": [_metric(0, "many", {"metrics": [[found]]}, 24)],
        "test-empty": [_metric(0, "nothing", {"metrics": [["test", "Nobody", "Emits", "this"]]})],
        "test-views": [
            {"type": "text", "x": 0, "y": 0, "width": 24, "height": 2,
             "properties": {"markdown": "[button:primary:To the many](#dashboards:name=test-many) <b>no html</b>"}},
            *(_metric(at, title, properties) for at, (title, properties) in enumerate(views.items())),
        ],
    }  # fmt: skip
    for name, widgets in dashboards.items():
        body = json.dumps({"start": "-PT1H", "widgets": widgets})
        emulator.client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=body)


def _metric(at: int, title: str, properties: dict, width: int = 8) -> dict:
    place = {"x": 8 * (at % 3), "y": 2 + 6 * (at // 3), "width": width, "height": 6}
    return {"type": "metric", **place, "properties": {"title": title, "stat": "Sum", "period": 60, **properties}}


def _put_function(emulator: Emulator, name: str, code: str) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", code)
    created = emulator.client("lambda").create_function(
        FunctionName=f"test-{name}",
        Runtime="python3.13",
        Handler="index.handle",
        Role=f"arn:aws:iam::{ACCOUNT}:role/test",
        Code={"ZipFile": packed.getvalue()},
    )
    arn: str = created["FunctionArn"]
    assert arn == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:test-{name}"
    return arn


def _put_many_series(emulator: Emulator, series: int = 150) -> None:
    end = datetime.fromtimestamp(time.time() // 60 * 60, UTC)
    data = [
        {
            "MetricName": "Errors",
            "Dimensions": [{"Name": "Function", "Value": f"function-{number:03}"}],
            "Timestamp": end - timedelta(minutes=minute),
            "Value": (number * 7 + minute * minute) % 40,
        }
        for number in range(series)
        for minute in range(1, 40)
    ]
    for start in range(0, len(data), 1000):
        emulator.client("cloudwatch").put_metric_data(Namespace="test", MetricData=data[start : start + 1000])
