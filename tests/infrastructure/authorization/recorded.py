"""Calls that functions made in tests: of this session, and of the suites below where the session did not run them.

Each process of pytest-xdist runs a part of the tests; there, the suites are run again.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from authorization.calls import Call

ROOT = Path(__file__).resolve().parents[3]
SUITES = (
    "tests/unit/test_notify.py",
    "tests/unit/test_check_delivery.py",
    "tests/unit/test_check_budget.py",
    "tests/unit/test_subscribe_log_groups.py",
    "tests/unit/test_account_policy.py",
    "tests/unit/test_widgets.py",
    "tests/unit/test_read_customers.py",
    "tests/simulated/test_a_whole_day.py",
    "tests/simulated/test_configuration_snapshots.py",
    "tests/simulated/test_log_files.py",
    "tests/simulated/test_rules_object.py",
    "tests/simulated/test_summaries.py",
)


def calls(session: pytest.Session, noted: Iterable[tuple[object, ...]], folder: Path) -> list[Call]:
    """All calls; the tests that make them must pass."""
    ran = set() if "PYTEST_XDIST_WORKER" in os.environ else {str(item.path) for item in session.items}
    missing = [suite for suite in SUITES if str(ROOT / suite) not in ran]
    return [Call(*each) for each in [*noted, *(_of(missing, folder) if missing else [])]]  # type: ignore[arg-type]


def _of(suites: list[str], folder: Path) -> list[tuple[object, ...]]:
    path = folder / "calls.pickle"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--calls-to={path}", *suites]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    found: list[tuple[object, ...]] = pickle.loads(path.read_bytes())
    return found
