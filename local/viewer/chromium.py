"""Debian's chromium, headless, for tests and pictures."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# it talks to nobody but the page's own server
_QUIET = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SHOWN_MS = 30_000
# what opens a popup in a custom widget stands before the element that says so
POPUPS = ":has(+ cwdb-action[display=popup])"


def path() -> str | None:
    """Where chromium is; None where it is not installed."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser; raises FileNotFoundError where none is installed."""
    executable = path()
    if executable is None:
        raise FileNotFoundError("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(_QUIET))
        yield browser
        browser.close()


def wait_until_shown(page: Page) -> None:
    """Returns when every widget has what it asked for."""
    page.wait_for_selector("body[data-busy=false]", timeout=SHOWN_MS)
