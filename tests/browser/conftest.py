"""One stack with a past, one viewer and one browser for the whole session."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from pages import HOSTILE_NAMES, Seen, put_test_widgets

from local.run import PYTHON, Emulator
from local.viewer import chromium, past_traffic
from local.viewer.console import Console
from local.viewer.rehearsal import STAGE, rehearse
from local.viewer.server import Viewer


@pytest.fixture(scope="session")
def browser():
    if chromium.path() is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with chromium.launched() as launched:
        yield launched


@pytest.fixture(scope="session")
def stack(browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    if not PYTHON.exists():
        pytest.skip(f"{PYTHON} is missing; `make setup` provides it")
    now = int(time.time() * 1000)
    hostile = [
        (now - 60_000 * minute, past_traffic.request_line(name, f"GET /{name}", 500, 900, f"hostile-{minute}"))
        for minute in range(1, 60)
        for name in HOSTILE_NAMES
    ]
    with rehearse(tmp_path_factory.mktemp("stack"), 8.0, {past_traffic.GATEWAY: hostile}) as emulator:
        put_test_widgets(emulator)
        yield emulator


@pytest.fixture(scope="session")
def viewer(stack: Emulator) -> Iterator[Viewer]:
    with Viewer(Console(stack.environment, STAGE)) as viewer:
        threading.Thread(target=viewer.serve_forever, daemon=True).start()
        yield viewer
        viewer.shutdown()


@pytest.fixture
def look(browser, viewer: Viewer) -> Iterator[Callable[..., Seen]]:
    """Opens a dashboard; afterwards the browser may have complained of nothing and asked nobody else."""
    opened: list[Seen] = []

    def open_dashboard(name: str, theme: str = "light", range_: str = "3h") -> Seen:
        page = browser.new_page(viewport={"width": 1440, "height": 1000}, color_scheme=theme)
        seen = Seen(page)
        opened.append(seen)
        page.goto(f"{viewer.url}/#dashboards/{name}?range={range_}")
        seen.settle()
        return seen

    yield open_dashboard
    for seen in opened:
        complaints, strangers = seen.complaints, [url for url in seen.requests if not url.startswith(viewer.url)]
        seen.page.close()
        assert complaints == []
        assert strangers == []


@pytest.fixture(scope="session")
def bodies(stack: Emulator) -> dict[str, dict]:
    """Bodies of the dashboards that tracelake deploys, by name."""
    cloudwatch = stack.client("cloudwatch")
    names = [entry["DashboardName"] for entry in cloudwatch.list_dashboards()["DashboardEntries"]]
    return {
        name: json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])
        for name in names
        if name.startswith("tracelake-")
    }
