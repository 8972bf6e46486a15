"""Calls to AWS that functions make in any test are noted, and whether they are allowed is asked last."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from recorded_calls import RECORDED, Distinct, noting

LAST = ("test_permissions_suffice.py", "test_calls_on_the_emulator.py")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--calls-to", default="", help="a file for the calls to AWS that functions make")


def pytest_configure(config: pytest.Config) -> None:
    found = config.stash[RECORDED] = Distinct()
    recording = noting(found)
    recording.__enter__()
    config.add_cleanup(lambda: recording.__exit__(None, None, None))
    if path := config.getoption("--calls-to"):
        config.add_cleanup(lambda: Path(path).write_bytes(pickle.dumps(list(found.calls.values()))))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name in LAST)
