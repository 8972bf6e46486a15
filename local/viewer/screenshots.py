"""Pictures of every dashboard and of each table on it, in both themes: `python -m local.viewer.screenshots FOLDER`.

They show a stack of its own with three hours of a shop's past, or with `--running` the stack that runs already.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

from playwright.sync_api import Browser

from local.run import CURRENT
from local.viewer.chromium import POPUPS, launched, wait_until_shown
from local.viewer.console import Console
from local.viewer.past_traffic import ORDER
from local.viewer.rehearsal import STAGE, add_unusual, rehearse
from local.viewer.server import Viewer

THEMES = ("light", "dark")
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 420, "height": 900}
SETTLED_MS = 500
ALARM_SECONDS = 20.0
DAYS = 7


def take(console: Console, folder: Path) -> list[Path]:
    """Takes the pictures of a stack and returns where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    with Viewer(console) as viewer, launched() as browser:
        threading.Thread(target=viewer.serve_forever, daemon=True).start()
        pictures: list[Path] = []
        for dashboard in console.overview()["dashboards"]:
            url = f"{viewer.url}/#dashboards/{dashboard}"
            for theme in THEMES:
                for suffix, size in (("", WIDE), ("-narrow", NARROW)):
                    pictures += _take(browser, url, theme, folder / f"{dashboard}-{theme}{suffix}.png", size)
        viewer.shutdown()
    return pictures


def _take(browser: Browser, url: str, theme: str, picture: Path, size: dict[str, int]) -> list[Path]:
    scale = 2 if size is WIDE else 1
    page = browser.new_page(viewport=size, color_scheme=theme, device_scale_factor=scale)  # type: ignore[arg-type]
    page.goto(url)
    wait_until_shown(page)
    page.wait_for_timeout(SETTLED_MS)
    page.screenshot(path=picture, full_page=True)
    pictures = [picture]
    for card in page.locator("article.custom").all() if size is WIDE else ():
        title = card.get_by_role("heading").first.inner_text().lower().replace(" ", "_")
        pictures.append(picture.with_stem(f"{title}_{theme}"))
        card.screenshot(path=pictures[-1], scale="css")
    details = page.locator(f"article.custom {POPUPS}")
    if size is WIDE and details.count() > 1:
        details.nth(1).click()
        page.locator("dialog .foreign").wait_for()
        page.wait_for_timeout(SETTLED_MS)
        pictures.append(picture.with_stem(f"{picture.stem}-detail"))
        page.screenshot(path=pictures[-1])
        page.keyboard.press("Escape")
        page.locator("dialog.popup").wait_for(state="detached")
    form = page.locator("article.custom", has=page.locator("input[name=trace]"))
    if size is WIDE and form.count():
        form.locator("input[name=trace]").fill(ORDER)
        form.get_by_text("Follow the request").click()
        page.locator("dialog.popup table").first.wait_for()
        page.wait_for_timeout(SETTLED_MS)
        pictures.append(picture.with_stem(f"request_{theme}"))
        page.locator("dialog.popup").screenshot(path=pictures[-1], scale="css")
    page.close()
    return pictures


def _wait_for_alarm(console: Console) -> None:
    """The past ends in an incident, which alarms see some seconds later."""
    deadline = time.monotonic() + ALARM_SECONDS
    while time.monotonic() < deadline and all(alarm["StateValue"] != "ALARM" for alarm in console.alarms()):
        time.sleep(1)


def main() -> int:
    """Takes the pictures and says where they are."""
    parser = argparse.ArgumentParser(prog="python -m local.viewer.screenshots")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--running", action="store_true", help="of the local stack that runs already")
    arguments = parser.parse_args()
    if arguments.running:
        running = json.loads(CURRENT.read_text())
        pictures = take(Console(running["environment"], running["stage"]), arguments.folder)
    else:
        with tempfile.TemporaryDirectory(prefix="tracelake-") as folder, rehearse(Path(folder), days=DAYS) as emulator:
            console = Console(emulator.environment, STAGE)
            add_unusual(emulator)
            _wait_for_alarm(console)
            pictures = take(console, arguments.folder)
    for picture in pictures:
        print(picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
