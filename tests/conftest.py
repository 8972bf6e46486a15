"""Which files run in one process, and what functions call meanwhile: whether they may is asked last."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from recorded_calls import RECORDED, SUITES, Distinct, noting
from xdist.scheduler import LoadFileScheduling

LAST = ("test_permissions_suffice.py", "test_calls_on_the_emulator.py")
# start what they look at themselves
ALONE = ("test_demo.py", "test_life_of_a_stage.py", "test_starting_and_stopping.py")


class ByWhatIsShared(LoadFileScheduling):
    """Files that share what takes long to start, or what others have noted, run in one process, the rest anywhere."""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(super()._split_scope(nodeid))
        if file.parent.name in ("browser", "end_to_end") and file.name not in ALONE:
            return str(file.parent)
        return "calls" if str(file) in SUITES or file.name == LAST[0] else str(file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling | None:
    return ByWhatIsShared(config, log) if config.option.dist == "loadfile" else None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--calls-to", default="", help="a file for the calls to AWS that functions make")


def pytest_configure(config: pytest.Config) -> None:
    found = config.stash[RECORDED] = Distinct()
    recording = noting(found)
    recording.__enter__()
    config.add_cleanup(lambda: recording.__exit__(None, None, None))
    # a machine on which others work is slow, and no fault of a test
    settings.register_profile("anywhere", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("anywhere")
    if path := config.getoption("--calls-to"):
        config.add_cleanup(lambda: Path(path).write_bytes(pickle.dumps(list(found.calls.values()))))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name in LAST)


def pytest_runtest_setup(item: pytest.Item) -> None:
    item.config.stash[RECORDED].files.add(item.path)
